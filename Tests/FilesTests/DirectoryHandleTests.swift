import Files
import Foundation
import Synchronization
import TestKit
import Testing

/// Paths below a directory whose entries other programs replace by links.
@Suite struct DirectoryHandleTests {
    private let base: URL
    private var root: URL { base.appending(path: "root") }
    private var outside: URL { base.appending(path: "outside") }

    init() throws {
        base = FileManager.default.temporaryDirectory.appending(path: "directories-\(UUID().uuidString)")
        for folder in [root.appending(path: "a/b"), outside.appending(path: "b")] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        try Data("inside".utf8).write(to: root.appending(path: "a/b/file"))
        try Data("secret".utf8).write(to: outside.appending(path: "b/file"))
    }

    private func read(_ names: [String], in directory: DirectoryHandle) throws -> String {
        let descriptor = try directory.open(names, O_RDONLY | O_NONBLOCK)
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
    }

    @Test(arguments: DirectoryHandle.Resolution.allCases)
    func `links, and links on the way, are not followed`(resolution: DirectoryHandle.Resolution) throws {
        defer { try? FileManager.default.removeItem(at: base) }
        let directory = try DirectoryHandle(root.path, resolution: resolution)
        #expect(try read(["a", "b", "file"], in: directory) == "inside")
        #expect(try directory.directory(["a", "b"]).names(limit: 2) == ["file"])
        for (name, target) in [
            ("absolute", outside.path), ("relative", "../outside"), ("within", "a"), ("self", "."),
            ("process", "/proc/self/cwd"),
        ] {
            try FileManager.default.createSymbolicLink(
                atPath: root.appending(path: name).path, withDestinationPath: target)
            #expect(throws: FileStore.Failure.self, "\(name)") { try read([name, "b", "file"], in: directory) }
            #expect(throws: FileStore.Failure.self, "\(name)") { try directory.directory([name]) }
            #expect(try directory.status(of: name)?.kind == .other)
        }
        try FileManager.default.createSymbolicLink(
            atPath: root.appending(path: "a/b/link").path, withDestinationPath: outside.path + "/b/file")
        #expect(throws: FileStore.Failure.self) { try read(["a", "b", "link"], in: directory) }

        // What is below a link is neither counted nor removed.
        #expect(try directory.measure(limit: 100) == DirectoryHandle.Size(entries: 9, bytes: 6))
        #expect(throws: DirectoryHandle.TooManyEntries.self) { try directory.measure(limit: 8) }
        #expect(throws: DirectoryHandle.TooManyEntries.self) { try directory.names(limit: 5) }
        chmod(root.appending(path: "a/b").path, 0)
        for name in ["a", "relative", "missing"] { try directory.removeAll(name) }
        #expect(Set(try directory.names(limit: 10)) == ["absolute", "within", "self", "process"])
        #expect(try String(contentsOf: outside.appending(path: "b/file"), encoding: .utf8) == "secret")
    }

    @Test(arguments: DirectoryHandle.Resolution.allCases)
    func `no path leaves the directory while links take the places of its folders`(
        resolution: DirectoryHandle.Resolution
    ) throws {
        defer { try? FileManager.default.removeItem(at: base) }
        let directory = try DirectoryHandle(root.path, resolution: resolution)
        // The folder `a` is at its place half of the time, else a link to the outside.
        let (folder, aside) = (root.appending(path: "a").path, root.appending(path: "aside").path)
        let link = root.appending(path: "link").path
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: outside.path)
        let isDone = Mutex(false)
        let swapped = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            while !isDone.withLock({ $0 }) {
                rename(folder, aside)
                rename(link, folder)
                rename(folder, link)
                rename(aside, folder)
            }
            swapped.signal()
        }
        var texts: [String: Int] = [:]
        for round in 0..<4_000 {
            let text = (try? read(["a", "b", "file"], in: directory)) ?? "refused"
            texts[text, default: 0] += 1
            // A file that is written lies in the folder.
            guard round % 8 == 0, let parent = try? directory.directory(["a", "b"]) else { continue }
            try? parent.makeDirectory("made-\(round)")
        }
        isDone.withLock { $0 = true }
        swapped.wait()
        #expect(Set(texts.keys).isSubset(of: ["inside", "refused"]), "\(texts)")
        #expect(texts["inside", default: 0] > 0, "\(texts)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path + "/b") == ["file"])
    }

    @Test func `an entry is moved only to where there is none`() throws {
        defer { try? FileManager.default.removeItem(at: base) }
        let directory = try DirectoryHandle(root.path)
        let inner = try directory.directory(["a", "b"])
        try Data("other".utf8).write(to: root.appending(path: "other"))
        let failure = #expect(throws: FileStore.Failure.self) {
            try directory.move("other", to: "file", in: inner)
        }
        #expect(failure?.code == EEXIST)
        try directory.move("other", to: "second", in: inner)
        #expect(try read(["a", "b", "second"], in: directory) == "other")
        try inner.replace("second", to: "file", in: inner)
        #expect(try read(["a", "b", "file"], in: directory) == "other")
        #expect(try directory.status(of: "other") == nil)
    }
}
