import Diagnostics
import Model
import SystemPackage
import Testing

@testable import Repositories

@Suite("lists of mirrors")
struct MirrorListTests {
    @Test("a mirrorlist is a URL a line; comments and other protocols are passed over")
    func mirrorlist() throws {
        let text = "# three\nhttp://a/os/\r\n\n  https://b/os\nftp://c/os\nrsync://d/os\n"
        #expect(try MirrorList(parsing: Array(text.utf8), source: "x").baseURLs == ["http://a/os", "https://b/os"])
    }

    private let metalink = """
        <?xml version="1.0" encoding="utf-8"?>
        <metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
         <files>
          <file name="repomd.xml">
           <mm0:timestamp>1700000000</mm0:timestamp>
           <size>4242</size>
           <verification>
            <hash type="md5">00000000000000000000000000000001</hash>
            <hash type="sha256">\(String(repeating: "1", count: 64))</hash>
           </verification>
           <mm0:alternates>
            <mm0:alternate>
             <mm0:timestamp>1600000000</mm0:timestamp>
             <verification><hash type="sha256">\(String(repeating: "2", count: 64))</hash></verification>
            </mm0:alternate>
           </mm0:alternates>
           <resources maxconnections="1">
            <url protocol="http" type="http" location="SE" preference="90">http://far/os/repodata/repomd.xml</url>
            <url protocol="rsync" type="rsync" location="DE" preference="100">rsync://near/os/repodata/repomd.xml</url>
            <url protocol="https" type="https" location="DE" preference="100">https://near/os/repodata/repomd.xml</url>
            <url protocol="http" type="http" location="DE" preference="100">http://near/os/repodata/repomd.xml</url>
           </resources>
          </file>
         </files>
        </metalink>
        """

    @Test("a metalink gives mirrors by preference and pins repomd.xml, alternates too")
    func readsMetalink() throws {
        let list = try MirrorList(parsing: Array(metalink.utf8), source: "x")
        #expect(list.baseURLs == ["https://near/os", "http://near/os", "http://far/os"])
        #expect(list.repomdDigests.map(\.short) == ["111111111111", "222222222222"])
    }

    @Test("a list that names no usable mirror is an error", arguments: ["", "ftp://a/b\n", "<metalink><files/></metalink>"])
    func empty(text: String) {
        #expect(throws: ProvisionError.self) { try MirrorList(parsing: Array(text.utf8), source: "x") }
    }

    @Test("locations are joined to bases as URLs: encoded once, queries kept at the end")
    func joining() {
        #expect(
            RepositoryURL.join("http://h/os/", "Packages/gcc-c++-1^2~3.rpm") == "http://h/os/Packages/gcc-c%2B%2B-1%5E2~3.rpm")
        #expect(RepositoryURL.join("http://h/os?token=1", "a b") == "http://h/os/a%20b?token=1")
        #expect(RepositoryURL.encoded("a%20b%zz") == "a%20b%25zz")
        #expect(RepositoryURL.localPath("file:///a%20b/c")?.string == "/a b/c")
        #expect(RepositoryURL.localPath("file://localhost/c")?.string == "/c")
        #expect(RepositoryURL.localPath("http://h/c") == nil)
    }
}
