import App
import Base
import Foundation
import HTTPTypes
import Modules
import NIOCore
import TestKit
import Testing

/// The files of an organisation's workspace.
@Suite struct WorkspaceTests {
    @Test(arguments: Engine.available)
    func `files are written, listed, read, moved and deleted`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let written = await assistant.post("/api/files/write", ["path": "notes/./day one.md", "content": "Hällo"])
            #expect(written.status == 200 && written["path"] == "notes/day one.md", "\(written)")
            #expect(written["size"] == 6 && written["message"] == "File written", "\(written)")
            #expect(await assistant.post("/v1/files/mkdir", ["path": "empty"]).status == 200)
            let exists = await assistant.post("/v1/files/mkdir", ["path": "notes"])
            #expect(exists.status == 409 && exists.code == "workspace-file-exists", "\(exists)")
            let binary = await assistant.post(
                "/v1/files/write", ["path": "b.txt", "content": "/w==", "encoding": "binary"])
            #expect(binary["size"] == 1, "\(binary)")

            let list = await assistant.get("/v1/files/list")
            #expect(list["total"] == 3 && list["path"] == "" && list.headers["x-total-count"] == "3", "\(list)")
            let names = list["files"]?.array?.compactMap { $0["name"]?.string }
            #expect(names == ["b.txt", "empty", "notes"])
            #expect(list["files"]?[0]?["permissions"] == "600" && list["files"]?[0]?["is_directory"] == false)
            #expect(list["files"]?[1]?["is_directory"] == true && list["files"]?[1]?["size"] == 0)
            let page = await assistant.get("/v1/files/list?limit=1&offset=1")
            #expect(page["total"] == 3 && page["files"]?.array?.count == 1 && page["files"]?[0]?["name"] == "empty")
            let inner = await assistant.get("/v1/files/list?path=notes")
            #expect(inner["files"]?[0]?["path"] == "notes/day one.md" && inner["total"] == 1, "\(inner)")

            let read = await assistant.get("/v1/files/read?path=notes/day%20one.md")
            #expect(read["content"] == "Hällo" && read["encoding"] == "utf-8", "\(read)")
            let bytes = await assistant.get("/v1/files/read?path=b.txt")
            #expect(bytes["content"] == "/w==" && bytes["encoding"] == "binary", "\(bytes)")

            let move: JSONValue = ["source": "notes", "destination": "archive/2026/notes"]
            #expect(await assistant.post("/v1/files/move", move)["path"] == "archive/2026/notes")
            #expect(await assistant.post("/v1/files/move", move).code == "workspace-file-not-found")
            let taken = await assistant.post("/v1/files/move", ["source": "empty", "destination": "archive"])
            #expect(taken.status == 409, "\(taken)")
            let inside = await assistant.post("/v1/files/move", ["source": "archive", "destination": "archive/2026/x"])
            #expect(inside.status == 409, "\(inside)")
            #expect(await assistant.usage() == [7, 6])
            #expect(await assistant.get("/v1/user/profile")["workspace_bytes"] == 7)

            #expect(await assistant.delete("/v1/files/delete?path=archive").status == 200)
            #expect(await assistant.get("/v1/files/read?path=archive/2026/notes/day%20one.md").status == 404)
            #expect(await assistant.delete("/v1/files/delete?path=b.txt").status == 200)
            #expect(await assistant.delete("/v1/files/delete?path=b.txt").status == 404)
            #expect(await assistant.usage() == [0, 1])
        }
    }

    @Test(arguments: Engine.available)
    func `a file is uploaded and replaced as a whole, and downloaded in ranges`(engine: Engine) async throws {
        try await withAssistant(engine, change: { $0.maxFileSize = 300_000 }) { assistant in
            let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
            let uploaded = await assistant.upload("data.json", bytes, to: "in/here")
            #expect(uploaded.status == 200 && uploaded["path"] == "in/here/data.json", "\(uploaded)")
            #expect(uploaded["filename"] == "data.json" && uploaded["size"] == 200_000, "\(uploaded)")
            let path = "/v1/files/download?path=in/here/data.json"
            let whole = await assistant.get(path)
            #expect(whole.bytes == bytes && whole.headers["accept-ranges"] == "bytes")
            let tag = try #require(whole.headers["etag"])

            func ranged(_ range: String, _ more: [String: String] = [:]) async -> TestResponse {
                await assistant.app.call(
                    "GET", path, token: assistant.person.token, headers: ["Range": range].merging(more) { $1 })
            }
            for (range, expected) in [
                ("bytes=0-9", 0..<10), ("bytes=199990-", 199_990..<200_000), ("bytes=-5", 199_995..<200_000),
                ("bytes=199999-999999999999999999999", 199_999..<200_000),
            ] {
                let part = await ranged(range)
                #expect(part.status == 206 && part.bytes == Array(bytes[expected]), "\(range): \(part.status)")
                #expect(
                    part.headers["content-range"] == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/200000")
            }
            let beyond = await ranged("bytes=200000-")
            #expect(beyond.status == 416 && beyond.headers["content-range"] == "bytes */200000", "\(beyond)")
            for range in ["bytes=9-0", "lines=0-1", "bytes=0-1,3-4", "bytes=-", "bytes=a-b"] {
                #expect(await ranged(range).status == 200, "\(range)")
            }
            #expect(await ranged("bytes=0-9", ["If-Range": tag]).status == 206)
            #expect(await ranged("bytes=0-9", ["If-Range": "\"other\""]).status == 200)
            #expect(await ranged("bytes=0-9", ["If-None-Match": tag]).status == 304)

            // The new content takes the place of the old one, and of its bytes.
            let replaced = await assistant.upload("data.json", [1, 2, 3], to: "in/here")
            #expect(replaced["size"] == 3, "\(replaced)")
            #expect(await assistant.get(path).bytes == [1, 2, 3])
            #expect(await ranged("bytes=0-9", ["If-Range": tag]).status == 200)
            #expect(await assistant.usage() == [3, 3])

            let large = await assistant.upload("large.txt", [UInt8](repeating: 65, count: 300_001))
            #expect(large.status == 413 && large["error"] == "File too large", "\(large)")
            let empty = await assistant.upload("empty.txt", [])
            #expect(empty["size"] == 0, "\(empty)")
            #expect(await assistant.get("/v1/files/download?path=empty.txt").bytes.isEmpty)
            #expect(await assistant.usage() == [3, 4])
            #expect(try assistant.arrivals() == [])
        }
    }

    @Test(arguments: Engine.available)
    func `paths that lead out, other types and other organisations' files are refused`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            for path in ["../x.txt", "a/../../x.txt", "a/../x.txt", "/etc/x.txt", ".."] {
                let refused = await assistant.post("/v1/files/write", ["path": .string(path), "content": "x"])
                #expect(refused.status == 403 && refused["error"] == "Access denied: Path outside workspace", "\(path)")
                let escaped = path.replacing("/", with: "%2F")
                for verb in ["read", "download", "list"] {
                    #expect(await assistant.get("/v1/files/\(verb)?path=\(escaped)").status == 403, "\(verb) \(path)")
                }
                #expect(await assistant.delete("/v1/files/delete?path=\(escaped)").status == 403, "\(path)")
                let move = await assistant.post("/v1/files/move", ["source": "a", "destination": .string(path)])
                #expect(move.status == 403, "\(path)")
            }
            #expect(await assistant.delete("/v1/files/delete?path=.").status == 403)
            for name in ["run.sh", "noending", ".json", "x.txt.exe", "x.", "x.tx\u{200B}t"] {
                let refused = await assistant.post("/v1/files/write", ["path": .string(name), "content": "x"])
                #expect(refused.status == 403 || refused.status == 422, "\(name): \(refused)")
            }
            let type = await assistant.upload("x.exe", [1])
            #expect(type.status == 403 && type["error"] == "File type not allowed", "\(type)")
            // The name of a form has its last part alone.
            #expect(await assistant.upload("../../x.txt", [1])["path"] == "x.txt")
            for path in ["a\u{7}.txt", "a\\b.txt", String(repeating: "n", count: 252) + ".txt"] {
                let refused = await assistant.post("/v1/files/write", ["path": .string(path), "content": "x"])
                #expect(refused.status == 422, "\(path): \(refused)")
            }
            let folder = await assistant.post("/v1/files/write", ["path": "x.txt/y.txt", "content": "x"])
            #expect(folder.status == 400 && folder.code == "not-a-workspace-folder", "\(folder)")
            #expect(await assistant.post("/v1/files/mkdir", ["path": "d.txt"]).status == 200)
            let file = await assistant.post("/v1/files/write", ["path": "d.txt", "content": "x"])
            #expect(file.status == 400 && file.code == "not-a-workspace-file", "\(file)")
            #expect(await assistant.get("/v1/files/read?path=d.txt").status == 400)
            #expect(await assistant.get("/v1/files/list?path=x.txt").status == 400)

            let other = try await assistant.app.register("other")
            #expect(await assistant.get("/v1/files/list", as: other)["total"] == 0)
            #expect(await assistant.get("/v1/files/read?path=x.txt", as: other).status == 404)
        }
    }

    @Test(arguments: Engine.available)
    func `a name has one spelling of Unicode, and two of them are refused`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let (composed, decomposed) = ("\u{FC}ber.md", "u\u{308}ber.md")
            let written = await assistant.post("/v1/files/write", ["path": .string(decomposed), "content": "1"])
            #expect(written["path"]?.string?.unicodeScalars.count == 7, "\(written)")
            #expect(try assistant.names().map { Array($0.unicodeScalars) } == [Array(composed.unicodeScalars)])
            let query = "/v1/files/read?path=u%CC%88ber.md"
            #expect(await assistant.get(query)["content"] == "1")

            // A tool wrote the other spelling instead: it is found, and replaced where it is.
            let folder = try assistant.folder()
            rename("\(folder)/\(composed)", "\(folder)/\(decomposed)")
            #expect(await assistant.get("/v1/files/read?path=%C3%BCber.md")["content"] == "1")
            let again = await assistant.post("/v1/files/write", ["path": .string(composed), "content": "22"])
            #expect(again["size"] == 2, "\(again)")
            #expect(try assistant.names().map { Array($0.unicodeScalars) } == [Array(decomposed.unicodeScalars)])
            close(open("\(folder)/\(composed)", O_WRONLY | O_CREAT | O_EXCL, 0o600))
            let both = await assistant.get(query)
            #expect(both.status == 409 && both.code == "workspace-name-ambiguous", "\(both)")
            #expect(await assistant.get("/v1/files/list")["total"] == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `bytes and files are reserved before they arrive, and counted anew after a killed change`(
        engine: Engine
    ) async throws {
        try await withAssistant(engine) { assistant in
            // The first run of the schedules sets their next times.
            try await assistant.app.runJobs()
            #expect(await assistant.upload("a.txt", [1, 2, 3]).status == 200)
            // Nearly full, of which a change under way holds the rest.
            let organisation = assistant.person.organisation
            try await assistant.app.app.database.write { transaction in
                try transaction.execute(
                    """
                    UPDATE assistant_workspaces SET bytes = \(256 << 20) - 100, held_bytes = 100, version = version + 1
                    WHERE organisation_id = \(organisation)
                    """
                )
                try transaction.execute(
                    """
                    INSERT INTO assistant_workspace_changes (id, organisation_id, bytes, entries, expires_at)
                    VALUES ('killed', \(organisation), 100, 0, \(transaction.now + .hours(1)))
                    """
                )
            }
            let full = await assistant.upload("b.txt", [1])
            #expect(full.status == 403 && full.code == "storage-exceeded", "\(full)")
            #expect(full["limit"] == .integer(256 << 20))
            #expect(await assistant.post("/v1/files/write", ["path": "b.txt", "content": "1"]).status == 403)
            // What adds nothing is possible.
            #expect(await assistant.post("/v1/files/move", ["source": "a.txt", "destination": "c.txt"]).status == 200)
            // A tool has written two files meanwhile.
            let folder = try assistant.folder()
            for name in ["d.bin", "e"] { try Data([1, 2]).write(to: URL(filePath: "\(folder)/\(name)")) }

            assistant.app.clock.advance(by: .hours(2))
            try await assistant.app.runJobs()
            #expect(await assistant.usage() == [7, 3])
            #expect(await assistant.upload("b.txt", [1]).status == 200)
            #expect(await assistant.delete("/v1/files/delete?path=d.bin").status == 200)
            #expect(await assistant.usage() == [6, 3])
        }
    }

    @Test func `links that tools put into a workspace are not followed while paths are opened`() async throws {
        try await withAssistant(.sqlite) { assistant in
            #expect(await assistant.post("/v1/files/write", ["path": "a/f.txt", "content": "inside"]).status == 200)
            let folder = try assistant.folder()
            let outside = "\(assistant.app.app.configuration.dataFolder)/outside"
            try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
            try Data("secret".utf8).write(to: URL(filePath: "\(outside)/f.txt"))
            let target = URL(filePath: outside).absoluteURL.path
            for (name, path) in [("link", target), ("l.txt", "\(target)/f.txt")] {
                try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: path)
            }
            #expect(await assistant.get("/v1/files/list")["total"] == 1)
            #expect(await assistant.get("/v1/files/read?path=l.txt").code == "workspace-path-denied")
            for path in ["link/f.txt", "link", "l.txt"] {
                #expect([403, 404].contains(await assistant.get("/v1/files/read?path=\(path)").status), "\(path)")
                #expect([400, 403].contains(await assistant.get("/v1/files/list?path=\(path)").status), "\(path)")
            }
            // A file takes the place of a link.
            #expect(await assistant.post("/v1/files/write", ["path": "l.txt", "content": "own"]).status == 200)
            #expect(await assistant.post("/v1/files/write", ["path": "link/g.txt", "content": "x"]).status != 200)

            let swapping = Task.detached {
                while !Task.isCancelled {
                    rename("\(folder)/a", "\(folder)/aside")
                    rename("\(folder)/link", "\(folder)/a")
                    rename("\(folder)/a", "\(folder)/link")
                    // A request may have created the folder while there was none.
                    if rename("\(folder)/aside", "\(folder)/a") != 0 {
                        try? FileManager.default.removeItem(atPath: "\(folder)/a")
                        rename("\(folder)/aside", "\(folder)/a")
                    }
                    await Task.yield()
                }
            }
            var contents: Set<String> = []
            for round in 0..<80 {
                contents.insert(await assistant.get("/v1/files/read?path=a/f.txt")["content"]?.string ?? "refused")
                _ = await assistant.post("/v1/files/write", ["path": .string("a/\(round % 3).txt"), "content": "x"])
                _ = await assistant.delete("/v1/files/delete?path=a/\(round % 3).txt")
            }
            swapping.cancel()
            await swapping.value
            #expect(contents.isSubset(of: ["inside", "refused"]), "\(contents)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == ["f.txt"])
            #expect(try String(contentsOfFile: "\(outside)/f.txt", encoding: .utf8) == "secret")

            // Neither does the removal of the folder follow them.
            #expect(await assistant.delete("/v1/files/delete?path=a").status == 200)
            #expect(await assistant.delete("/v1/files/delete?path=link").status == 200)
            #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == ["f.txt"])
        }
    }

    @Test(arguments: Engine.available)
    func `an erasure removes the workspace`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            #expect(await assistant.upload("a.txt", [1, 2, 3], to: "folder").status == 200)
            let folder = try assistant.folder()
            let asked = await assistant.post("/v1/user/erasure", ["password": .string(assistant.person.password)])
            #expect(asked.status == 202, "\(asked)")
            assistant.app.clock.advance(by: .days(15))
            for _ in 0..<4 {
                try await assistant.app.runJobs()
                assistant.app.clock.advance(by: .hours(1))
            }
            #expect(!FileManager.default.fileExists(atPath: folder))
            let rows = try await assistant.app.app.database.read {
                try $0.count("SELECT COUNT(*) AS count FROM assistant_workspaces")
            }
            #expect(rows == 0)
        }
    }
}

extension AssistantFixture {
    fileprivate func upload(_ name: String, _ bytes: [UInt8], to folder: String? = nil) async -> TestResponse {
        // The part with the path may be behind the file.
        let form = multipart(folder.map { [("path", $0)] } ?? [], file: ("file", name, bytes))
        return await app.call("POST", "/v1/files/upload", body: form, token: person.token)
    }

    /// The counted bytes and entries of the workspace; nothing is reserved.
    fileprivate func usage() async -> [Int64] {
        let rows = try? await app.app.database.read { [organisation = person.organisation] transaction in
            try transaction.all(
                """
                SELECT bytes, entries, held_bytes, held_entries FROM assistant_workspaces
                WHERE organisation_id = \(organisation)
                """
            ) { [try $0["bytes"], try $0["entries"], try $0["held_bytes"], try $0["held_entries"]] as [Int64] }
        }
        guard let row = rows?.first, row[2...] == [0, 0] else { return rows?.first ?? [] }
        return Array(row[..<2])
    }

    /// The path of the workspace on the disk.
    fileprivate func folder() throws -> String {
        "\(app.app.configuration.dataFolder)/files/workspaces/\(person.organisation)"
    }

    fileprivate func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: try folder())
    }

    /// What is left of files on their way.
    fileprivate func arrivals() throws -> [String] {
        try FileManager.default.contentsOfDirectory(
            atPath: "\(app.app.configuration.dataFolder)/files/.scratch/workspaces"
        ).filter { !$0.hasPrefix("lock-") }
    }
}
