import Diagnostics
import Images
import Testing

struct ImageFormatTests {
    @Test(
        "the file's name tells the format",
        arguments: [
            ("web.cpio.bz2", "cpio.bz2"), ("web.1.2.tar.zst", "tar.zst"), ("a.tar", "tar"), ("a.tar.gz", "tar.gz"),
            ("a.cpio.zst", "cpio.zst"), ("a.cpio", "cpio"), ("a.cpio.xz", "cpio.xz"), ("a.squashfs", "squashfs"),
            ("a.erofs", "erofs"), ("a.oci.tar", "oci.tar"), ("a.oci", "oci"),
        ])
    func names(_ name: String, _ format: String) throws {
        #expect(try ImageFormat(ofFileNamed: name).description == format)
        #expect(try ImageFormat(named: format) == ImageFormat(named: "." + format))
    }

    @Test(
        "a name that tells no format is wrong usage, with the nearest or all that are known",
        arguments: [
            ("web.cpio.bz", "did you mean \".cpio.bz2\"?"), ("web.tar.zts", "did you mean \".tar.zst\"?"),
            ("web.zip", known), ("web", known), ("tar", known), (".rar", known),
        ])
    func unknown(_ name: String, _ hint: String) {
        do {
            let format = try ImageFormat(ofFileNamed: name)
            Issue.record("\(name) was taken as \(format)")
        } catch {
            #expect(error.code == .usage)
            #expect(error.hint == hint)
        }
    }

    private static let known =
        "known formats: .cpio, .cpio.bz2, .cpio.zst, .cpio.gz, .cpio.xz, .tar, .tar.bz2, .tar.zst, .tar.gz, .tar.xz, "
        + ".squashfs, .erofs, .oci, .oci.tar"
}
