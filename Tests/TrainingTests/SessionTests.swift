import Base
import Identity
import Modules
import TestKit
import Testing

@Suite struct SessionTests {
    @Test(arguments: Engine.available)
    func `a session is opened under the client's id, found by both ids, renamed, listed and deleted`(engine: Engine)
        async throws
    {
        try await withCustomer(engine, plan: "free") { customer in
            let name = "session_1767225600000_k3j9"
            let opened = await customer.post("init-session", ["sessionId": .string(name)])
            #expect(opened.status == 200 && opened["success"]?.bool == true && opened["sessionId"]?.string == name)
            let uuid = try #require(opened["sessionUuid"]?.string)
            for id in [name, uuid, uuid.uppercased()] {
                let view = await customer.get("session/\(id)")
                #expect(
                    view.status == 200 && view["session_uuid"]?.string == uuid && view["session_id"]?.string == name)
                #expect(
                    view["workflow_phase"]?.string == "upload" && view["file_count"]?.integer == 0
                        && view["n_dat"]?.integer == 0)
                #expect(await customer.get("get-session-uuid/\(id)")["sessionUuid"]?.string == uuid)
                #expect(await customer.get("session-status/\(id)").json == view.json)
            }
            // Opening again, under either id, is the same session.
            for id in [name, uuid] {
                #expect(
                    await customer.post(
                        "create-database-session", ["sessionId": .string(id), "sessionName": "Seattle"])["sessionUuid"]?
                        .string == uuid)
            }
            #expect(try await customer.count("training_sessions") == 1)
            let whole = await customer.get("session/\(name)/database")
            #expect(
                whole["sessionName"]?.string == "Seattle" && whole["files"] == [] && whole["finalized"]?.bool == false)

            #expect(
                await customer.post(
                    "session-name-change", ["sessionId": .string(name), "sessionName": "Sea\u{1F30A}ttle"]
                ).status == 200)
            customer.app.clock.advance(by: .seconds(1))
            #expect(await customer.post("init-session", ["sessionId": "later"]).status == 200)
            let list = await customer.get("list-sessions?limit=1")
            #expect(
                list["total_count"]?.integer == 2 && list["sessions"]?.array?.count == 1
                    && list["sessions"]?[0]?["session_id"]?.string == "later")
            #expect(await customer.get("list-sessions")["sessions"]?[1]?["session_name"]?.string == "Sea\u{1F30A}ttle")

            let finalized = await customer.post("finalize-session", ["sessionId": .string(name)])
            #expect(finalized["n_dat"]?.integer == 0 || finalized["nDat"]?.integer == 0, "\(finalized)")
            let deleted = await customer.post("session/\(name)/delete")
            #expect(deleted.status == 200 && deleted["summary"]?["sessions"]?.integer == 1)
            #expect(await customer.get("session/\(name)").code == "session-not-found")
            #expect(await customer.post("session/\(name)/delete").status == 404)
            #expect(try await customer.audited("training-session.deleted") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `an id opened many times at once is one session`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            let ids = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<10 {
                    group.addTask { await customer.post("init-session", ["sessionId": "same"])["sessionUuid"]?.string }
                }
                return await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
            let count = try await customer.count("training_sessions")
            #expect(ids.count == 1 && ids.first != .some(nil) && count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `settings are kept as they were sent, and read back`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            #expect(await customer.get("get-time-info/s").json == [:])
            let time: JSONValue = [
                "jahr": true, "tag": true, "feiertag": true, "zeitzone": "Europe/Zurich",
                "category_data": [
                    "tag": ["detaillierteBerechnung": true, "datenform": "Aktuelle Zeit"],
                    "feiertag": ["land": "CH", "skalierung": "nein"],
                ],
            ]
            #expect(await customer.post("save-time-info", ["sessionId": "s", "timeInfo": time]).status == 200)
            #expect(await customer.get("get-time-info/s").json == time)
            let steps: JSONValue = ["eingabe": 13, "ausgabe": 7, "zeitschrittweite": 7.5, "offset": -15]
            #expect(await customer.post("save-zeitschritte", ["sessionId": "s", "zeitschritte": steps]).status == 200)
            let kept = await customer.get("get-zeitschritte/s")
            #expect(
                kept["eingabe"]?.integer == 13 && kept["ausgabe"]?.integer == 7
                    && kept["zeitschrittweite"]?.number == 7.5 && kept["offset"]?.number == -15)
            let whole = await customer.get("session/s/database")
            #expect(whole["timeInfo"] == time && whole["zeitschritte"]?["eingabe"]?.integer == 13)
            _ = await customer.post("init-session", ["sessionId": "bare"])
            let unset = await customer.get("get-zeitschritte/bare")
            #expect(unset.status == 404 && unset["error"]?.string == "The steps have not been set")
        }
    }

    @Test func `what does not fit is refused with pointers, and changes nothing`() async throws {
        try await withCustomer(.sqlite, plan: "free") { customer in
            try await customer.prepare(series: nil)
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
                ("session-name-change", ["sessionId": "s", "sessionName": .string(long)], "/sessionName"),
                ("session-name-change", ["sessionId": "s", "sessionName": ""], "/sessionName"),
            ]
            for (path, body, pointer) in cases {
                let refused = await customer.post(path, body)
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(path) \(refused)")
            }
            #expect(await customer.post("delete-all-sessions", [:]).status == 422)
            #expect(
                await customer.post("delete-all-sessions", ["confirm_delete_all": false]).code
                    == "confirmation-required")
            #expect(await customer.get("get-zeitschritte/s")["eingabe"]?.integer == 2)
            #expect(try await customer.count("training_sessions") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `deleting everything gives all storage back and spares what a run needs`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            for name in ["a", "b", "c"] { try await customer.prepare(name, series: Samples.hourly(60)) }
            let each = Int64(Samples.hourly(60).count * 2)
            #expect(await customer.storage() == each * 3)
            try await customer.require(202, await customer.post("generate-datasets/b", prefer: "respond-async"))
            let refused = await customer.post("session/b/delete")
            #expect(refused.status == 409 && refused.code == "training-in-progress")
            let deleted = await customer.post("delete-all-sessions", ["confirm_delete_all": true])
            #expect(deleted.status == 200 && Set(deleted["details"]?.array ?? []) == ["a", "c"])
            #expect(deleted["summary"]?["files"]?.integer == 4 && deleted["summary"]?["bytes"]?.integer == each * 2)
            #expect(await customer.storage() == each)
            try await customer.app.runJobs()
            #expect(await customer.post("session/b/delete").status == 200)
            #expect(await customer.storage() == 0)
            #expect(customer.filesOnDisk() == [])
            // What was uploaded and processed stays used.
            #expect(await customer.level("uploads") == [6, 0])
            #expect(await customer.level("processing") == [1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `another organisation finds nothing of it behind any door`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "enterprise") { owner in
            try await owner.prepareDatasets("mine")
            try await owner.train("mine")
            let uuid = try #require(await owner.get("session/mine")["session_uuid"]?.string)
            let file = try #require(await owner.get("csv-files/mine")["files"]?[0]?["id"]?.string)
            let model = try #require(
                await owner.get("list-models-database/mine")["data"]?["models"]?[0]?["filename"]?.string)
            let stranger = TrainingFixture(
                app: owner.app, person: try await owner.app.subscriber("enterprise", "stranger"))
            let before = owner.filesOnDisk()
            for id in ["mine", uuid] {
                for path in [
                    "get-session-uuid", "session", "session-status", "get-time-info", "get-zeitschritte", "csv-files",
                    "status", "results-summary", "results",
                    "get-training-results", "evaluation-tables", "plot-variables", "visualizations", "download-arrays",
                    "scalers", "list-models-database",
                    "download-model-h5",
                ] {
                    let found = await stranger.get("\(path)/\(id)")
                    #expect(found.status == 404 && found.code == "session-not-found", "\(path) \(found)")
                }
                for path in [
                    "session/\(id)/database", "scalers/\(id)/download", "download-model-h5/\(id)?filename=\(model)",
                    "download-arrays/\(id)?name=outputs",
                ] {
                    #expect(await stranger.get(path).code == "session-not-found", "\(path)")
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
                    let found = await stranger.post(path, body)
                    #expect(found.status == 404 && found.code == "session-not-found", "\(path) \(found)")
                }
                #expect(await stranger.upload(Samples.hourly(30), to: id).code == "session-not-found")
                #expect(await stranger.chunk(0, of: 2, [65], to: id).code == "session-not-found")
                #expect(await stranger.chunk(1, of: 2, [65], to: id).code == "session-not-found")
            }
            #expect(await stranger.put("csv-files/\(file)", ["bezeichnung": "x"]).code == "file-not-found")
            #expect(await stranger.delete("csv-files/\(file)").code == "file-not-found")
            #expect(await stranger.get("list-sessions")["total_count"]?.integer == 0)
            #expect(
                await stranger.post("delete-all-sessions", ["confirm_delete_all": true])["summary"]?["sessions"]?
                    .integer == 0)
            #expect(owner.filesOnDisk() == before)
            #expect(await stranger.level("uploads") == [0, 0])
            #expect(await stranger.level("processing") == [0, 0])
            #expect(await stranger.level("training_runs") == [0, 0])

            // The same client id is another session for somebody else, and its id is not taken over.
            try await stranger.prepare("mine", series: nil)
            let theirs = try #require(await stranger.get("session/mine")["session_uuid"]?.string)
            #expect(theirs != uuid)
            #expect(await stranger.post("init-session", ["sessionId": .string(uuid)])["sessionUuid"]?.string != uuid)
            #expect(await owner.get("session/mine")["session_uuid"]?.string == uuid)
        }
    }
}
