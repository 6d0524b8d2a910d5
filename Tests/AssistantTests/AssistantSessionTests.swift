import App
import Base
import Modules
import TestKit
import Testing

/// Sessions, their messages and their limit.
@Suite struct AssistantSessionTests {
    @Test(arguments: Engine.available)
    func `a session is created, listed, changed, cleared and deleted`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let created = await assistant.post("/api/sessions", ["metadata": ["device": "phone"]])
            #expect(created.status == 201 && created["status"] == "active" && created["model"] == "echo", "\(created)")
            #expect(created["name"]?.string?.hasPrefix("Session 20") == true)
            let id = try #require(created["id"]?.string)
            let second = try await assistant.session(["name": "Second"])
            let list = await assistant.get("/v1/sessions?limit=1")
            #expect(list["total"] == 2 && list["sessions"]?.array?.count == 1 && list["limit"] == 1, "\(list)")
            #expect(list.headers["x-total-count"] == "2")

            let changed = await assistant.patch(
                "/v1/sessions/\(id)", ["name": "First", "metadata": ["device": "tablet"]])
            #expect(changed["name"] == "First" && changed["metadata"] == ["device": "tablet"], "\(changed)")
            #expect(await assistant.chat("Hi", ["session_id": .string(id)]).status == 200)
            #expect(await assistant.get("/v1/sessions/\(id)")["message_count"] == 2)
            let cleared = await assistant.post("/v1/sessions/\(id)/clear")
            #expect(cleared["session_id"] == .string(id) && cleared["status"] == "active", "\(cleared)")
            #expect(await assistant.messages(id).isEmpty)

            #expect(await assistant.post("/v1/sessions/\(second)/archive")["status"] == "archived")
            let archived = await assistant.chat("Hi", ["session_id": .string(second)])
            #expect(archived.status == 409 && archived["error"]?["code"] == "session-archived", "\(archived)")
            #expect(await assistant.get("/v1/sessions?status=archived")["total"] == 1)
            #expect(await assistant.delete("/v1/sessions/\(second)").status == 204)
            #expect(await assistant.get("/v1/sessions/\(second)").code == "assistant-session-not-found")
            #expect(await assistant.get("/v1/sessions")["total"] == 1)
            // What was charged for a deleted session is still counted.
            #expect(await assistant.delete("/v1/sessions/\(id)").status == 204)
            let statistics = await assistant.get("/v1/sessions/stats")
            #expect(statistics["total_sessions"] == 0 && statistics["total_tokens"]?.integer ?? 0 > 0, "\(statistics)")
        }
    }

    @Test(arguments: Engine.available)
    func `a session has the conversation, whether the client sends all of it or what is new`(
        engine: Engine
    ) async throws {
        try await withAssistant(engine) { assistant in
            let session = try await assistant.session()
            let (user, more) = (AssistantFixture.user, ["session_id": JSONValue.string(session)])
            let system: JSONValue = ["role": "system", "content": "Be brief."]
            func send(_ messages: [JSONValue]) async -> String? {
                let answer = await assistant.post("/v1/chat/completions", AssistantFixture.body(messages, more))
                #expect(answer["session_id"] == .string(session), "\(answer)")
                return answer["choices"]?[0]?["message"]?["content"]?.string
            }
            let first = try #require(await send([system, user("One")]))
            // The system message is not stored twice.
            let second = try #require(await send([system, user("Two")]))
            let whole: [JSONValue] = [
                system, user("One"), ["role": "assistant", "content": .string(first)], user("Two"),
                ["role": "assistant", "content": .string(second)],
            ]
            let third = try #require(await send(whole + [user("Three")]))
            #expect(
                await assistant.messages(session) == [
                    ["system", "Be brief."], ["user", "One"], ["assistant", first], ["user", "Two"],
                    ["assistant", second], ["user", "Three"], ["assistant", third],
                ])
            let path = "/v1/sessions/\(session)/messages"
            let page = await assistant.get("\(path)?role=user&limit=1&offset=1")
            #expect(page["total"] == 3 && page["messages"]?[0]?["content"] == "Two", "\(page)")
            #expect(page["session_id"] == .string(session) && page["messages"]?[0]?["token_count"] == 1)
            #expect(await assistant.get("\(path)?role=robot").status == 422)
            let statistics = await assistant.get("/v1/sessions/\(session)/stats")
            #expect(statistics["message_count"] == 7 && statistics["turn_count"] == 3, "\(statistics)")
            let export = await assistant.get("/v1/sessions/\(session)/export")
            #expect(export["messages"]?.array?.count == 7 && export["session"]?["id"] == .string(session))
            let markdown = await assistant.get("/v1/sessions/\(session)/export?format=markdown")
            #expect(markdown.headers["content-type"] == "text/markdown; charset=utf-8")
            #expect(markdown.text.contains("\n## User, ") && markdown.text.contains("\n\nThree\n"), "\(markdown)")
        }
    }

    @Test(arguments: Engine.available)
    func `a session of another person or organisation is not found`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let session = try await assistant.session()
            #expect(await assistant.chat("Hi", ["session_id": .string(session)]).status == 200)
            let other = try await assistant.app.subscriber("student", "other")
            for path in ["", "/stats", "/messages", "/export"] {
                let refused = await assistant.get("/v1/sessions/\(session)\(path)", as: other)
                #expect(refused.status == 404 && refused.code == "assistant-session-not-found", "\(path): \(refused)")
            }
            for path in ["/stop", "/clear", "/archive"] {
                #expect(await assistant.post("/v1/sessions/\(session)\(path)", as: other).status == 404)
            }
            #expect(await assistant.delete("/v1/sessions/\(session)", as: other).status == 404)
            let chat = await assistant.chat("Hi", ["session_id": .string(session)], as: other)
            #expect(chat.status == 404 && chat["error"]?["code"] == "assistant-session-not-found", "\(chat)")
            #expect(await assistant.get("/v1/sessions", as: other)["total"] == 0)
            #expect(await assistant.messages(session).count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `sessions belong to projects of their person, and outlive them`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let created = await assistant.post(
                "/v1/projects", ["name": "App", "path": "/src/app", "metadata": ["language": "swift"]])
            #expect(created.status == 201 && created["is_active"] == true, "\(created)")
            #expect(created["path"] == "/src/app" && created["description"] == "")
            let project = try #require(created["id"]?.string)
            let session = try await assistant.session(["project_id": .string(project)])
            _ = try await assistant.session()
            let list = await assistant.get("/v1/sessions?project_id=\(project)")
            #expect(list["total"] == 1 && list["sessions"]?[0]?["id"] == .string(session), "\(list)")
            #expect(await assistant.get("/v1/sessions?project_id=none").status == 422)

            let changed = await assistant.patch("/v1/projects/\(project)", ["name": "Web", "is_active": false])
            #expect(changed["name"] == "Web" && changed["metadata"] == ["language": "swift"], "\(changed)")
            #expect(await assistant.get("/v1/projects?is_active=true")["total"] == 0)
            #expect(await assistant.get("/v1/projects?is_active=false")["projects"]?[0]?["name"] == "Web")

            let other = try await assistant.app.register("other")
            let refused = await assistant.get("/v1/projects/\(project)", as: other)
            #expect(refused.status == 404 && refused.code == "assistant-project-not-found", "\(refused)")
            #expect(await assistant.delete("/v1/projects/\(project)", as: other).status == 404)
            let foreign = await assistant.post("/v1/sessions", ["project_id": .string(project)], as: other)
            #expect(foreign.status == 404, "\(foreign)")
            #expect(await assistant.delete("/v1/projects/\(project)").status == 204)
            let left = await assistant.get("/v1/sessions/\(session)")
            #expect(left.status == 200 && left["project_id"] == nil, "\(left)")
        }
    }

    @Test(arguments: Engine.available)
    func `ten sessions are active at once, and one without traffic frees its place`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            var sessions: [String] = []
            for _ in 0..<10 { sessions.append(try await assistant.session()) }
            let refused = await assistant.post("/v1/sessions", [:])
            #expect(refused.status == 429 && refused.code == "concurrency-limit", "\(refused)")
            #expect(refused["limit"] == 10)
            #expect(refused["error"] == "Rate limit exceeded. Maximum 10 active sessions allowed.")
            _ = await assistant.post("/v1/sessions/\(sessions[9])/archive")
            sessions[9] = try await assistant.session()

            // After an hour all but the one with traffic are idle.
            assistant.app.clock.advance(by: .minutes(59))
            #expect(await assistant.chat("Hi", ["session_id": .string(sessions[0])]).status == 200)
            assistant.app.clock.advance(by: .minutes(1))
            #expect(await assistant.get("/v1/sessions?status=idle")["total"] == 9)
            for _ in 0..<9 { _ = try await assistant.session() }
            #expect(await assistant.post("/v1/sessions", [:]).status == 429)
            // An idle session takes a place again.
            let idle = await assistant.chat("Hi", ["session_id": .string(sessions[1])])
            #expect(idle.status == 429 && idle["error"]?["code"] == "concurrency-limit", "\(idle)")
            #expect(await assistant.patch("/v1/sessions/\(sessions[1])", ["status": "active"]).status == 429)
            #expect(await assistant.patch("/v1/sessions/\(sessions[0])", ["status": "idle"])["status"] == "idle")
            #expect(await assistant.chat("Hi", ["session_id": .string(sessions[1])]).status == 200)
            #expect(await assistant.get("/v1/sessions/stats")["active_sessions"] == 10)
        }
    }

    @Test(arguments: Engine.available)
    func `a stop frees a session whose process was killed`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let session = try await assistant.session()
            let id: JSONValue = .string(session)
            // What a killed process leaves behind.
            try await assistant.app.app.database.write { transaction in
                try transaction.execute(
                    """
                    INSERT INTO assistant_allowances (person_id, month, used, held)
                    SELECT person_id, '2026-03', 0, 10 FROM assistant_sessions WHERE id = \(session)
                    """)
                try transaction.execute(
                    """
                    INSERT INTO assistant_turns (id, organisation_id, person_id, session_id, model, state, is_streamed,
                        allowance_month, reserved_tokens, input_tokens, output_tokens, is_estimated, cost_micros,
                        started_at, deadline_at)
                    SELECT id, organisation_id, person_id, id, model, 'running', 0, '2026-03', 10, 0, 0, 0, 0,
                        \(transaction.now), \(transaction.now + .minutes(10))
                    FROM assistant_sessions WHERE id = \(session)
                    """)
            }
            #expect(await assistant.chat("Hi", ["session_id": id]).code == "turn-in-progress")
            assistant.app.clock.advance(by: .minutes(2))
            try await assistant.app.runJobs()
            #expect(await assistant.chat("Hi", ["session_id": id]).code == "turn-in-progress")

            #expect(await assistant.post("/v1/sessions/\(session)/stop").status == 200)
            assistant.app.clock.advance(by: .minutes(2))
            try await assistant.app.runJobs()
            #expect(await assistant.chat("Hi", ["session_id": id]).status == 200)
            #expect(try await assistant.turns() == ["interrupted", "completed"])
        }
    }

    @Test(arguments: Engine.available)
    func `messages are found by their words, in one's own sessions alone`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let other = try await assistant.app.subscriber("student", "other")
            for (person, text) in [
                (nil, "The Zürich ferry leaves at nine"), (nil, "Nine ferries"), (other, "A ferry of mine"),
            ] as [(TestPerson?, String)] {
                let session = try await assistant.session(["name": "Travel"], as: person)
                #expect(await assistant.chat(text, ["session_id": .string(session)], as: person).status == 200)
            }
            // The question, and the echo of it.
            let found = await assistant.get("/v1/sessions/search?q=FERRY,%20nine")
            #expect(found["total"] == 2 && found["results"]?[0]?["session_name"] == "Travel", "\(found)")
            #expect(found["results"]?[1]?["message"]?["content"] == "The Zürich ferry leaves at nine")
            #expect(await assistant.get("/v1/sessions/search?q=ferry&limit=1")["results"]?.array?.count == 1)
            #expect(await assistant.get("/v1/sessions/search?q=mine")["total"] == 0)
            #expect(await assistant.get("/v1/sessions/search?q=mine", as: other)["total"] == 2)
            for query in ["z%C3%BCrich", "nine%22%20OR%20%22mine", "nine*", "NOT%20nine"] {
                #expect(await assistant.get("/v1/sessions/search?q=\(query)").status == 200, "\(query)")
            }
            #expect(await assistant.get("/v1/sessions/search?q=%22*%22").status == 422)

            let first = try #require(found["results"]?[1]?["message"]?["session_id"]?.string, "\(found)")
            #expect(await assistant.post("/v1/sessions/\(first)/clear").status == 200)
            #expect(await assistant.get("/v1/sessions/search?q=leaves")["total"] == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an erasure deletes sessions, messages and their words`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            for person in [assistant.person, try await assistant.app.register("unsubscribed")] {
                let session = try await assistant.session(as: person)
                #expect(await assistant.post("/v1/projects", ["name": "Hapax"], as: person).status == 201)
                #expect(await assistant.chat("Hapax", ["session_id": .string(session)], as: person).status == 200)
                let asked = await assistant.post(
                    "/v1/user/erasure", ["password": .string(person.password)], as: person)
                #expect(asked.status == 202, "\(asked)")
            }
            try await assistant.app.runJobs()
            assistant.app.clock.advance(by: .days(15))
            // The erasure is due, and what it revokes has ended.
            for _ in 0..<4 {
                try await assistant.app.runJobs()
                assistant.app.clock.advance(by: .hours(1))
            }
            let tables = ["messages", "sessions", "turns", "allowances", "projects"]
            for table in tables {
                let count = try await assistant.app.app.database.read {
                    try $0.count(SQL(trusted: "SELECT COUNT(*) AS count FROM assistant_\(table)"))
                }
                #expect(count == 0, "\(table)")
            }
        }
    }
}
