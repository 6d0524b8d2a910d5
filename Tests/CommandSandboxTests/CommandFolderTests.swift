import CommandSandbox
import Foundation
import TestKit
import Testing

/// What the server reads of a folder that a command has left behind.
@Suite(.runsCommands) struct CommandFolderTests {
    private let fixture: SandboxFixture

    init() throws { fixture = try SandboxFixture() }

    private func files(filesMax: Int = 10, bytesMax: Int = 1_000) throws -> [CommandFolder.File] {
        try CommandFolder.files(in: fixture.folder.path, filesMax: filesMax, bytesMax: bytesMax) {
            !$0.hasPrefix("hidden")
        }
    }

    @Test func `links, pipes, sockets and names that are no text are neither followed nor returned`() async throws {
        try Data("secret".utf8).write(to: fixture.outside.appending(path: "secret.txt"))
        let secret = fixture.outside.appending(path: "secret.txt").path
        let result = try await fixture.shell(
            """
            mkdir a hidden && printf 'one' >a/b && printf '\\000\\377' >binary && echo x >hidden/file
            ln -s \(secret) link && ln -s \(fixture.outside.path) folder && mkfifo pipe && ln a/b second
            perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1)'
            touch "$(printf 'name\\377')"
            """)
        #expect(result.end == .exited(status: 0), "\(result.standardError.text)")
        let found = try files()
        #expect(found.map(\.path) == ["a/b", "binary", "second"])
        #expect(found.map(\.bytes) == [Array("one".utf8), [0, 0xFF], Array("one".utf8)])
    }

    @Test func `more files or bytes than are accepted are an error`() async throws {
        _ = try await fixture.shell("for n in 1 2 3; do printf '1234567890' >$n; done")
        #expect(try files(filesMax: 3, bytesMax: 30).count == 3)
        #expect(throws: CommandSandboxError.self) { try files(filesMax: 2) }
        #expect(throws: CommandSandboxError.self) { try files(bytesMax: 29) }
        try FileManager.default.removeItem(at: fixture.folder)
        #expect(throws: CommandSandboxError.self) { try files() }
    }
}
