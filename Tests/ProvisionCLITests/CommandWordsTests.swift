import Testing

@testable import ProvisionCLI

@Suite("The command that a layer says it was made by")
struct CommandWordsTests {
    @Test(
        "says what was asked for, not where, how loud, or with which secret",
        arguments: [
            (["base", "web", "bash"], "provision base web bash"),
            (["base", "--state", "/srv/a", "--cache=/srv/b", "web", "-q", "--json"], "provision base web"),
            (["base", "web", "--locked", "/home/me/provision.lock", "--fresh"], "provision base web --locked provision.lock"),
            (["base", "web", "-c", "../yum.conf", "--jobs", "4"], "provision base web -c yum.conf"),
            (["base", "web", "--root-password", "secret"], "provision base web --root-password …"),
            (["base", "web", "--root-password=secret"], "provision base web --root-password=…"),
            (["base", "web", "--exclude", "a b"], "provision base web --exclude 'a b'"),
            (["base", "web", "--setopt", "r.password=geheim"], "provision base web --setopt r.password=…"),
            (["base", "web", "--setopt=proxy_password = geheim"], "provision base web --setopt 'proxy_password =…'"),
            (["base", "web", "--setopt", "best=0"], "provision base web --setopt best=0"),
            (["base", "web", "--patch", "root-password=geheim"], "provision base web --patch root-password=…"),
            (
                ["base", "web", "--setopt", "r.baseurl=http://me:geheim@example.org/"],
                "provision base web --setopt r.baseurl=http://example.org/"
            ),
            (["base", "--state"], "provision base"),
        ])
    func words(_ arguments: [String], _ words: String) {
        #expect(commandLine(["/usr/bin/provision"] + arguments, hiding: "secret") == words)
    }
}
