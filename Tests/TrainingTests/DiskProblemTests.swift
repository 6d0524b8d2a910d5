import Base
import Files
import Forecasting
import Foundation
import Testing

/// The errors of a full disk, for which the device `/dev/full` stands, as every library throws them.
@Suite struct DiskProblemTests {
    private func problem(_ write: () throws -> Void) -> Problem? {
        do { try write() } catch { return Problem.ofDisk(error) as? Problem }
        return nil
    }

    @Test func `a full disk is one problem, whichever library wrote`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "full-\(Hex.encode(Runtime.system.randomBytes(8)))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let series = folder.appending(path: "a.series")
        // The file is written under this name until it is complete.
        try FileManager.default.createSymbolicLink(
            atPath: series.path + ".part", withDestinationPath: "/dev/full")
        let found = [
            problem {
                let writer = try SeriesWriter(series)
                try writer.append(stamp: 0, value: 1)
                try writer.finish()
            },
            problem { try Data([1]).write(to: URL(filePath: "/dev/full")) },
            problem { try #require(FileHandle(forWritingAtPath: "/dev/full")).write(contentsOf: Data([1])) },
        ]
        #expect(found.map { $0?.kind } == [.storageFull, .storageFull, .storageFull])
        #expect(found.allSatisfy { $0?.headers["Retry-After"] == "60" })
    }

    @Test func `other errors stay what they are`() throws {
        #expect(problem { try Data([1]).write(to: URL(filePath: "/nowhere/at/all")) } == nil)
        #expect(problem { _ = try Series(URL(filePath: "/nowhere")) } == nil)
        #expect(problem { throw Problem(.overloaded) }?.kind == .overloaded)
    }
}
