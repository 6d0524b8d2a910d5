import Archives
import Base
import Foundation
import Secrets
import Testing

@Suite struct ZipTests {
    private func withFile(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-zip-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder.appending(path: "archive.zip").path)
    }

    @Test func `Python's zipfile reads the written entries`() async throws {
        try await withFile { path in
            let zip = try ZipWriter(path: path)
            var entries: [ZipWriter.Entry] = []
            try await zip.begin("empty", modified: Instant(seconds: 1_769_860_800))
            entries.append(try await zip.end())
            try await zip.begin("folder/text.json", modified: Instant(seconds: 1_769_860_800))
            for piece in ["[1", ", 2", "]"] { try await zip.write(Array(piece.utf8)) }
            entries.append(try await zip.end())
            let source = path + ".source"
            let content = Runtime.system.randomBytes(1_000_003)
            try Data(content).write(to: URL(filePath: source))
            let descriptor = open(source, O_RDONLY | O_CLOEXEC)
            entries.append(
                try await zip.add("folder/bytes", owning: descriptor, modified: Instant(seconds: 0)))
            try await zip.close()
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
            let read = try ZipFile(at: path)
            #expect(read.entries.count == 3)
            for entry in entries {
                #expect(read.entries[entry.name]?.bytes == entry.bytes)
                #expect(read.entries[entry.name]?.sha256 == entry.sha256)
            }
            #expect(read.entries["folder/text.json"]?.text == "[1, 2]")
            #expect(entries[2].sha256 == Hex.encode(Digest.sha256(content)))
        }
    }

    @Test func `a file that cannot be created throws`() async throws {
        #expect(throws: ArchiveFailure.self) { _ = try ZipWriter(path: "/no/such/folder/archive.zip") }
    }
}
