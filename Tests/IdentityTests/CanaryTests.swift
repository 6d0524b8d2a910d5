import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Identity

/// A unique word is written to every field that accepts text. After the erasure of the account no table and no file
/// contains it.
@Suite struct CanaryTests {
    private let word = "canary" + Hex.encode(Runtime.system.randomBytes(8))

    @Test(arguments: Engine.available) func `an erasure leaves no text of the account in the database or in files`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let token = try await plant(app)
            let other = try await app.register("other")
            _ = try await app.exported(token)
            let asked = await app.call(
                "POST", "/v1/user/erasure", json: ["password": .string("\(word) password")], token: token)
            #expect(asked.status == 202, "\(asked)")
            // Before the erasure the word is found.
            #expect(try await columns(app).count > 8)
            #expect(try filesWithWord(app).count > 0)

            app.clock.advance(by: .days(14))
            try await app.runJobs()
            app.clock.advance(by: Erasure.revocationDelay + .minutes(1))
            try await app.runJobs()
            #expect(try await columns(app) == [])
            #expect(try filesWithWord(app) == [])
            if engine == .sqlite { #expect(try databaseFiles(app) == []) }
            #expect(try await Invariants.faults(in: app.app.database) == [])
            let signedIn = await app.call(
                "POST", "/v1/auth/login",
                json: ["email": .string(other.email), "password": .string(other.password)])
            #expect(signedIn.status == 200)
        }
    }

    /// Writes the word to every endpoint that accepts text.
    private func plant(_ app: TestApp) async throws -> String {
        let headers = [
            "User-Agent": "agent \(word)", "X-Request-ID": "request-\(word)", "Idempotency-Key": "key-\(word)",
        ]
        let registration: JSONValue = [
            "email": .string("\(word)@example.org"), "password": .string("\(word) password"),
            "username": .string("user-\(word)"),
            "full_name": .string("Full \(word)"), "first_name": .string("First \(word)"),
            "last_name": .string("Last \(word)"),
            "phone": .string("phone \(word.prefix(30))"), "organization": .string("Organisation \(word)"),
        ]
        let response = await app.call("POST", "/v1/auth/register", json: registration, headers: headers)
        guard let token = response["access_token"]?.string else { throw UnexpectedResponse(response) }
        _ = await app.call(
            "POST", "/v1/auth/login", json: ["email": .string("\(word)@example.org"), "password": "a wrong password"],
            headers: headers)
        _ = await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: token, headers: headers)
        let rows = (0..<200).map { "\(Instant(seconds: 1_262_304_000 + Int64($0) * 3_600));\($0 % 24)" }
        let csv = Array((["UTC;\(word)"] + rows).joined(separator: "\n").utf8)
        let session = "session_\(word)"
        let created = await app.call(
            "POST", "/v1/training/init-session",
            json: [
                "sessionId": .string(session),
                "zeitschritte": ["eingabe": 2, "ausgabe": 2, "zeitschrittweite": 60, "offset": 0],
            ], token: token,
            headers: headers)
        guard created.status == 200 else { throw UnexpectedResponse(created) }
        _ = await app.call(
            "POST", "/v1/training/session-name-change",
            json: ["sessionId": .string(session), "sessionName": .string("Name \(word)")], token: token,
            headers: headers)
        for kind in ["input", "output"] {
            let metadata =
                #"{"sessionId":"\#(session)","fileName":"\#(word).csv","type":"\#(kind)","#
                + #""bezeichnung":"label \#(word)"}"#
            let form = multipart([("metadata", metadata)], file: ("file", "\(word).csv", csv))
            let upload = await app.call(
                "POST", "/v1/training/instant-upload", body: form, token: token, headers: headers)
            guard upload.status == 201 else { throw UnexpectedResponse(upload) }
        }
        // An upload of which only the first chunk was received.
        let metadata = #"{"sessionId":"\#(session)","fileName":"part-\#(word).csv","chunkIndex":0,"totalChunks":2}"#
        let chunk = multipart([("metadata", metadata)], file: ("chunk", "chunk.csv", csv))
        let begun = await app.call("POST", "/v1/training/upload-chunk", body: chunk, token: token, headers: headers)
        guard begun.status < 300 else { throw UnexpectedResponse(begun) }
        let run = await app.call(
            "POST", "/v1/training/generate-datasets/\(session)", json: [:], token: token,
            headers: headers.merging(["Prefer": "respond-async"]) { $1 })
        guard run.status == 202 else { throw UnexpectedResponse(run) }
        try await app.runJobs()
        return token
    }

    /// The columns of the database that contain the word.
    private func columns(_ app: TestApp) async throws -> [String] {
        let (word, engine) = (word, app.engine)
        return try await app.app.database.read { transaction in
            let statement: SQL =
                engine == .sqlite
                ? """
                SELECT tables.name AS tbl, columns.name AS col
                FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
                WHERE tables.type = 'table' AND columns.type = 'TEXT' ORDER BY 1, 2
                """
                : """
                SELECT table_name::text AS tbl, column_name::text AS col FROM information_schema.columns
                WHERE table_schema = 'public'
                  AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea')
                ORDER BY 1, 2
                """
            return try transaction.all(statement) { (table: try $0["tbl"] as String, column: try $0["col"] as String) }
                .filter { column in
                    try transaction.count(
                        SQL(trusted: "SELECT COUNT(*) AS count FROM \(column.table) WHERE \(column.column) LIKE ")
                            + "\("%\(word)%")") > 0
                }.map { "\($0.table).\($0.column)" }
        }
    }

    private func filesWithWord(_ app: TestApp) throws -> [String] {
        let root = "\(app.app.configuration.dataFolder)/files"
        return try app.files("").filter { name in
            name.contains(word) || FileManager.default.contents(atPath: "\(root)/\(name)").map(containsWord) == true
        }
    }

    /// The files of the SQLite database, while it is open, that contain the word.
    private func databaseFiles(_ app: TestApp) throws -> [String] {
        let path = String(app.app.configuration.databaseURL.dropFirst("sqlite:".count))
        return ["", "-wal", "-shm"].filter { FileManager.default.contents(atPath: path + $0).map(containsWord) == true }
    }

    private func containsWord(_ data: Data) -> Bool { data.range(of: Data(word.utf8)) != nil }
}
