import Base
import Identity
import Modules
import TestKit
import Testing

@Suite struct SessionTests {
    @Test(arguments: Engine.available)
    func `a session is created under the client's id, found by both ids, renamed, listed and deleted`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            let name = "session_1767225600000_k3j9"
            let opened = await fixture.post("init-session", ["sessionId": .string(name)])
            #expect(opened.status == 200 && opened["success"]?.bool == true && opened["sessionId"]?.string == name)
            let uuid = try #require(opened["sessionUuid"]?.string)
            for id in [name, uuid, uuid.uppercased()] {
                let view = await fixture.get("session/\(id)")
                #expect(
                    view.status == 200 && view["session_uuid"]?.string == uuid && view["session_id"]?.string == name)
                #expect(
                    view["workflow_phase"]?.string == "upload" && view["file_count"]?.integer == 0
                        && view["n_dat"]?.integer == 0)
                #expect(await fixture.get("get-session-uuid/\(id)")["sessionUuid"]?.string == uuid)
                #expect(await fixture.get("session-status/\(id)").json == view.json)
            }
            // Creating it again, under either id, returns the same session.
            for id in [name, uuid] {
                #expect(
                    await fixture.post(
                        "create-database-session", ["sessionId": .string(id), "sessionName": "Seattle"])["sessionUuid"]?
                        .string == uuid)
            }
            #expect(try await fixture.count("training_sessions") == 1)
            let whole = await fixture.get("session/\(name)/database")
            #expect(
                whole["sessionName"]?.string == "Seattle" && whole["files"] == [] && whole["finalized"]?.bool == false)

            #expect(
                await fixture.post(
                    "session-name-change", ["sessionId": .string(name), "sessionName": "Sea\u{1F30A}ttle"]
                ).status == 200)
            fixture.app.clock.advance(by: .seconds(1))
            #expect(await fixture.post("init-session", ["sessionId": "later"]).status == 200)
            let list = await fixture.get("list-sessions?limit=1")
            #expect(
                list["total_count"]?.integer == 2 && list["sessions"]?.array?.count == 1
                    && list["sessions"]?[0]?["session_id"]?.string == "later")
            #expect(await fixture.get("list-sessions")["sessions"]?[1]?["session_name"]?.string == "Sea\u{1F30A}ttle")

            let finalized = await fixture.post("finalize-session", ["sessionId": .string(name)])
            #expect(finalized["n_dat"]?.integer == 0 || finalized["nDat"]?.integer == 0, "\(finalized)")
            let deleted = await fixture.post("session/\(name)/delete")
            #expect(deleted.status == 200 && deleted["summary"]?["sessions"]?.integer == 1)
            #expect(await fixture.get("session/\(name)").code == "session-not-found")
            #expect(await fixture.post("session/\(name)/delete").status == 404)
            #expect(try await fixture.audited("training-session.deleted") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent requests with one client id create one session`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            let ids = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<10 {
                    group.addTask { await fixture.post("init-session", ["sessionId": "same"])["sessionUuid"]?.string }
                }
                return await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
            let count = try await fixture.count("training_sessions")
            #expect(ids.count == 1 && ids.first != .some(nil) && count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `settings are stored and returned unchanged`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            #expect(await fixture.get("get-time-info/s").json == [:])
            let time: JSONValue = [
                "jahr": true, "tag": true, "feiertag": true, "zeitzone": "Europe/Zurich",
                "category_data": [
                    "tag": ["detaillierteBerechnung": true, "datenform": "Aktuelle Zeit"],
                    "feiertag": ["land": "CH", "skalierung": "nein"],
                ],
            ]
            #expect(await fixture.post("save-time-info", ["sessionId": "s", "timeInfo": time]).status == 200)
            #expect(await fixture.get("get-time-info/s").json == time)
            let steps: JSONValue = ["eingabe": 13, "ausgabe": 7, "zeitschrittweite": 7.5, "offset": -15]
            #expect(await fixture.post("save-zeitschritte", ["sessionId": "s", "zeitschritte": steps]).status == 200)
            let kept = await fixture.get("get-zeitschritte/s")
            #expect(
                kept["eingabe"]?.integer == 13 && kept["ausgabe"]?.integer == 7
                    && kept["zeitschrittweite"]?.number == 7.5 && kept["offset"]?.number == -15)
            let whole = await fixture.get("session/s/database")
            #expect(whole["timeInfo"] == time && whole["zeitschritte"]?["eingabe"]?.integer == 13)
            _ = await fixture.post("init-session", ["sessionId": "bare"])
            let unset = await fixture.get("get-zeitschritte/bare")
            #expect(unset.status == 404 && unset["error"]?.string == "The steps have not been set")
        }
    }

    @Test func `invalid payloads are refused with pointers and change nothing`() async throws {
        try await withTrainingFixture(.sqlite, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let long = String(repeating: "x", count: 256)
            let cases: [(String, JSONValue, String)] = [
                ("init-session", [:], "/sessionId"),
                ("init-session", ["sessionId": ""], "/sessionId"),
                ("init-session", ["sessionId": "a\u{0}b"], "/sessionId"),
                ("init-session", ["sessionId": .string(long)], "/sessionId"),
                ("init-session", ["sessionId": "s", "colour": "red"], "/colour"),
                (
                    "init-session",
                    ["sessionId": "s", "zeitschritte": ["eingabe": 0, "ausgabe": 1, "zeitschrittweite": 60]],
                    "/zeitschritte/eingabe"
                ),
                (
                    "init-session",
                    ["sessionId": "s", "zeitschritte": ["eingabe": 1, "ausgabe": 4097, "zeitschrittweite": 60]],
                    "/zeitschritte/ausgabe"
                ),
                (
                    "save-zeitschritte",
                    ["sessionId": "s", "zeitschritte": ["eingabe": 1, "ausgabe": 1, "zeitschrittweite": 0]],
                    "/zeitschritte/zeitschrittweite"
                ),
                (
                    "save-zeitschritte",
                    ["sessionId": "s", "zeitschritte": ["eingabe": 1.5, "ausgabe": 1, "zeitschrittweite": 1]],
                    "/zeitschritte/eingabe"
                ),
                ("save-time-info", ["sessionId": "s", "timeInfo": ["tag": "ja"]], "/timeInfo/tag"),
                (
                    "save-time-info", ["sessionId": "s", "timeInfo": ["category_data": ["feiertag": ["land": "FR"]]]],
                    "/timeInfo/category_data/feiertag/land"
                ),
                (
                    "save-zeitschritte",
                    ["sessionId": "s", "zeitschritte": ["eingabe": 1, "ausgabe": 1, "zeitschrittweite": 0.0165]],
                    "/zeitschritte/zeitschrittweite"
                ),
                (
                    "save-time-info", ["sessionId": "s", "timeInfo": ["tag": true, "zeitzone": "Mars/Olympus"]],
                    "/timeInfo/zeitzone"
                ),
                (
                    "init-session", ["sessionId": "s", "timeInfo": ["zeitzone": "Mars/Olympus"]], "/timeInfo/zeitzone"
                ),
                (
                    "save-time-info",
                    ["sessionId": "s", "timeInfo": ["category_data": ["tag": ["zeithorizontStart": 1]]]],
                    "/timeInfo/category_data/tag/zeithorizontStart"
                ),
                (
                    "save-time-info",
                    ["sessionId": "s", "timeInfo": ["category_data": ["tag": ["zeithorizontEnd": -2]]]],
                    "/timeInfo/category_data/tag/zeithorizontEnd"
                ),
                (
                    "save-time-info",
                    ["sessionId": "s", "timeInfo": ["category_data": ["jahr": ["skalierungMin": 1]]]],
                    "/timeInfo/category_data/jahr/skalierungMin"
                ),
                (
                    "save-time-info", ["sessionId": "s", "timeInfo": ["category_data": ["year": [:]]]],
                    "/timeInfo/category_data/year"
                ),
                ("session-name-change", ["sessionId": "s", "sessionName": .string(long)], "/sessionName"),
                ("session-name-change", ["sessionId": "s", "sessionName": ""], "/sessionName"),
            ]
            for (path, body, pointer) in cases {
                let refused = await fixture.post(path, body)
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(path) \(refused)")
            }
            #expect(await fixture.post("delete-all-sessions", [:]).status == 422)
            #expect(
                await fixture.post("delete-all-sessions", ["confirm_delete_all": false]).code
                    == "confirmation-required")
            #expect(await fixture.get("get-zeitschritte/s")["eingabe"]?.integer == 2)
            #expect(try await fixture.count("training_sessions") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `deleting all sessions releases their storage and keeps those with an unfinished run`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine) { fixture in
            for name in ["a", "b", "c"] { try await fixture.prepare(name, series: Samples.hourly(60)) }
            let each = Int64(Samples.hourly(60).count * 2)
            // With the series, 16 bytes for each sample.
            let stored = each + 2 * 60 * 16
            #expect(await fixture.storage() == stored * 3)
            try await fixture.require(202, await fixture.post("generate-datasets/b", prefer: "respond-async"))
            let refused = await fixture.post("session/b/delete")
            #expect(refused.status == 409 && refused.code == "training-in-progress")
            let deleted = await fixture.post("delete-all-sessions", ["confirm_delete_all": true])
            #expect(deleted.status == 200 && Set(deleted["details"]?.array ?? []) == ["a", "c"])
            #expect(deleted["summary"]?["files"]?.integer == 4 && deleted["summary"]?["bytes"]?.integer == each * 2)
            let reserved = try await fixture.runBytes()
            #expect(reserved > 0)
            #expect(await fixture.storage() == stored + reserved)
            try await fixture.app.runJobs()
            #expect(await fixture.post("session/b/delete").status == 200)
            #expect(await fixture.storage() == 0)
            #expect(fixture.filesOnDisk() == [])
            // Deleted files and datasets still count as used.
            #expect(await fixture.level("uploads") == [6, 0])
            #expect(await fixture.level("processing") == [1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `another organisation gets 404 from every endpoint`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "enterprise") { owner in
            try await owner.prepareDatasets("mine")
            try await owner.train("mine")
            let uuid = try #require(await owner.get("session/mine")["session_uuid"]?.string)
            let file = try #require(await owner.get("csv-files/mine")["files"]?[0]?["id"]?.string)
            let model = try #require(
                await owner.get("list-models-database/mine")["data"]?["models"]?[0]?["filename"]?.string)
            let other = TrainingFixture(
                app: owner.app, person: try await owner.app.subscriber("enterprise", "other"))
            let before = owner.filesOnDisk()
            for id in ["mine", uuid] {
                for path in [
                    "get-session-uuid", "session", "session-status", "get-time-info", "get-zeitschritte", "csv-files",
                    "status", "results-summary", "results",
                    "get-training-results", "evaluation-tables", "plot-variables", "visualizations", "download-arrays",
                    "scalers", "list-models-database",
                    "download-model-h5",
                ] {
                    let found = await other.get("\(path)/\(id)")
                    #expect(found.status == 404 && found.code == "session-not-found", "\(path) \(found)")
                }
                for path in [
                    "session/\(id)/database", "scalers/\(id)/download", "download-model-h5/\(id)?filename=\(model)",
                    "download-arrays/\(id)?name=outputs",
                ] {
                    #expect(await other.get(path).code == "session-not-found", "\(path)")
                }
                let bodies: [(String, JSONValue)] = [
                    ("session/\(id)/delete", [:]), ("cancellation/\(id)", [:]), ("generate-datasets/\(id)", [:]),
                    ("train-models/\(id)", ["model_parameters": Samples.linear]),
                    ("scale-data/\(id)", ["input_data": [[1]]]),
                    ("predict/\(id)", ["input_data": [[1], [2]]]), ("generate-plot", ["sessionId": .string(id)]),
                    ("finalize-session", ["sessionId": .string(id)]),
                    ("session-name-change", ["sessionId": .string(id), "sessionName": "x"]),
                    ("save-time-info", ["sessionId": .string(id), "timeInfo": [:]]),
                    (
                        "save-zeitschritte",
                        [
                            "sessionId": .string(id),
                            "zeitschritte": ["eingabe": 1, "ausgabe": 1, "zeitschrittweite": 1],
                        ]
                    ),
                ]
                for (path, body) in bodies {
                    let found = await other.post(path, body)
                    #expect(found.status == 404 && found.code == "session-not-found", "\(path) \(found)")
                }
                #expect(await other.upload(Samples.hourly(30), to: id).code == "session-not-found")
                #expect(await other.chunk(0, of: 2, [65], to: id).code == "session-not-found")
                #expect(await other.chunk(1, of: 2, [65], to: id).code == "session-not-found")
            }
            #expect(await other.put("csv-files/\(file)", ["bezeichnung": "x"]).code == "file-not-found")
            #expect(await other.delete("csv-files/\(file)").code == "file-not-found")
            #expect(await other.get("list-sessions")["total_count"]?.integer == 0)
            #expect(
                await other.post("delete-all-sessions", ["confirm_delete_all": true])["summary"]?["sessions"]?
                    .integer == 0)
            #expect(owner.filesOnDisk() == before)
            #expect(await other.level("uploads") == [0, 0])
            #expect(await other.level("processing") == [0, 0])
            #expect(await other.level("training_runs") == [0, 0])

            // The same client id is another session in another organisation.
            try await other.prepare("mine", series: nil)
            let otherID = try #require(await other.get("session/mine")["session_uuid"]?.string)
            #expect(otherID != uuid)
            #expect(await other.post("init-session", ["sessionId": .string(uuid)])["sessionUuid"]?.string != uuid)
            #expect(await owner.get("session/mine")["session_uuid"]?.string == uuid)
        }
    }
}
