import App
import Base
import Modules
import TestKit
import Testing

/// Forms of visitors, files, templates and integrations.
@Suite struct SubmissionTests {
    private static let kinds = ["contact-submissions", "dfy-leads", "waitlist-subscribers", "demo-requests"]

    @Test(arguments: Engine.available)
    func `visitors send forms without an account, and administrators alone read them`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            for kind in Self.kinds {
                let sent = await fixture.app.call(
                    "POST", "/api/\(kind)",
                    json: ["email": "ann@example.org", "name": "Ann", "message": "Hello", "source": ["page": "home"]])
                #expect(sent.status == 201 && sent["success"] == true, "\(sent)")
                #expect(await fixture.app.call("GET", "/api/\(kind)").status == 401)
                #expect(await fixture.get(kind, as: fixture.organizer).status == 403)
                let list = await fixture.get(kind, as: fixture.administrator)
                #expect(list["total"] == 1 && list["data"]?[0]?["email"] == "ann@example.org", "\(list)")
                #expect(list["data"]?[0]?["data"]?["source"]?["page"] == "home")
                for body in [
                    [:], ["email": "no address"],
                    ["email": "a@example.org", "x": .string(.init(repeating: "x", count: 9_000))],
                ] as [JSONValue] {
                    #expect(await fixture.app.call("POST", "/api/\(kind)", json: body).status == 422)
                }
            }
            // Registers the schedule.
            try await fixture.app.runJobs()
            fixture.app.clock.advance(by: .days(366))
            try await fixture.app.runJobs()
            #expect(try await fixture.count("marketplace_submissions") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `forms are limited by network, and by day over all networks`(engine: Engine) async throws {
        try await withMarketplace(engine, change: { $0.limitsRates = true }) { fixture in
            func send(from address: String) async -> TestResponse {
                await fixture.app.call(
                    "POST", "/v1/marketplace/demo-requests", json: ["email": "ann@example.org"], address: address)
            }
            for _ in 0..<5 { #expect(await send(from: "203.0.113.7").status == 201) }
            let refused = await send(from: "203.0.113.7")
            #expect(refused.status == 429 && refused.code == "rate-limited", "\(refused)")
            #expect(await send(from: "198.51.100.9").status == 201)
            try await fixture.database.write { transaction in
                try transaction.execute("UPDATE marketplace_submission_counts SET count = 2000")
            }
            let full = await send(from: "198.51.100.10")
            #expect(full.status == 429 && full.code == "submissions-full", "\(full)")
        }
    }

    @Test(arguments: Engine.available)
    func `private files are read by signed addresses that end, and public ones by theirs`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            func upload(_ name: String, _ type: String = "text/csv") async -> TestResponse {
                await fixture.app.call(
                    "POST", "/api/integrations/\(name)",
                    body: multipart([], file: ("file", "list.csv", Array("a,b\n1,2\n".utf8))),
                    token: fixture.organizer.token)
            }
            let open = await upload("upload-file")
            #expect(open.status == 200 && open["bytes"] == 8, "\(open)")
            let read = await fixture.app.call("GET", try #require(open["file_url"]?.string))
            #expect(read.status == 200 && read.text == "a,b\n1,2\n" && read.headers["content-type"] == "text/csv")
            #expect(read.headers["content-disposition"]?.hasPrefix("attachment") == true)

            let hidden = await upload("upload-private-file")
            let (path, id) = (
                try #require(hidden["file_url"]?.string), try #require(hidden["file_id"])
            )
            #expect(await fixture.app.call("GET", path).status == 404)
            let request: JSONValue = ["file_id": id, "expires_in": 60]
            #expect(
                await fixture.post("integrations/create-file-signed-url", request, as: fixture.host).status == 404)
            let signed = await fixture.post("integrations/create-file-signed-url", request, as: fixture.organizer)
            let address = try #require(signed["signed_url"]?.string, "\(signed)")
            #expect(await fixture.app.call("GET", address).text == "a,b\n1,2\n")
            #expect(await fixture.app.call("GET", address.replacing("expires=", with: "expires=9")).status == 404)
            #expect(await fixture.app.call("GET", address + "A").status == 404)
            fixture.app.clock.advance(by: .seconds(61))
            #expect(await fixture.app.call("GET", address).status == 404)

            let document = await fixture.post(
                "documents", ["name": "List", "file_id": id], as: fixture.organizer)
            #expect(document.status == 201, "\(document)")
            #expect(await fixture.post("documents", ["name": "x", "file_id": id], as: fixture.host).status == 422)
            let file = try #require(id.string)
            #expect(await fixture.call("DELETE", "v1/marketplace/files/\(file)", as: fixture.host).status == 403)
            #expect(await fixture.call("DELETE", "v1/marketplace/files/\(file)", as: fixture.organizer).status == 200)
            let page = await fixture.app.call(
                "POST", "/api/integrations/upload-file",
                body: (
                    "multipart/form-data; boundary=b",
                    Array(
                        ("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.html\"\r\n"
                            + "Content-Type: text/html\r\n\r\n<script>\r\n--b--\r\n").utf8)
                ), token: fixture.organizer.token)
            #expect(page.status == 415, "\(page)")
        }
    }

    @Test(arguments: Engine.available)
    func `integrations without a service say that they are not configured`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            for (name, body) in [
                ("invoke-llm", ["prompt": "Hi"]), ("generate-image", ["prompt": "A hall"]),
                ("google-place-photos", ["query": "hall"]),
                ("extract-data-from-file", ["file_url": "https://example.org/a.csv"]),
            ] as [(String, JSONValue)] {
                let refused = await fixture.post("integrations/\(name)", body, as: fixture.organizer)
                #expect(refused.status == 503 && refused.code == "not-configured", "\(name): \(refused)")
            }
            func send(to address: String) async -> TestResponse {
                await fixture.post(
                    "integrations/send-email", ["to": .string(address), "subject": "Note", "body": "Call the band"],
                    as: fixture.organizer)
            }
            #expect(await send(to: "victim@example.org").status == 422)
            #expect(await send(to: fixture.organizer.email).status == 200)
            let mail = try await fixture.app.mail(to: fixture.organizer.email)
            #expect(mail.contains { $0.subject == "Note" && $0.text.contains("Call the band") })
        }
    }

    @Test(arguments: Engine.available)
    func `templates are popular by use and rating, and an event begins with one`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            func template(_ name: String, isPublic: Bool, as person: TestPerson) async throws -> String {
                try await fixture.create(
                    "templates",
                    [
                        "name": .string(name), "event_type": "gala", "is_public": .bool(isPublic),
                        "template_data": ["theme": "gold", "tables": 10],
                    ], as: person)
            }
            let (open, own) = (
                try await template("Open", isPublic: true, as: fixture.host),
                try await template("Own", isPublic: false, as: fixture.organizer)
            )
            let hidden = try await template("Hidden", isPublic: false, as: fixture.host)
            func use(_ id: String) async -> TestResponse {
                await fixture.post(
                    "templates/customize",
                    ["template_id": .string(id), "customizations": ["tables": 12], "guest_count": 90],
                    as: fixture.organizer)
            }
            #expect(await use(hidden).status == 404)
            let used = await use(own)
            #expect(used.status == 200 && used["plan"]?["tables"] == 12 && used["plan"]?["theme"] == "gold", "\(used)")
            let event = try #require(used["event_id"]?.string)
            #expect(
                await fixture.get("events/\(event)", as: fixture.organizer)["data"]?["template_id"]?.string == own)
            for _ in 0..<2 { #expect(await use(open).status == 200) }
            let popular = await fixture.get("templates/popular", as: fixture.organizer)
            #expect(popular["data"]?.array?.compactMap { $0["name"]?.string } == ["Open", "Own"], "\(popular)")
            #expect(await fixture.get("templates/by-type/gala", as: fixture.organizer)["total"] == 2)
            #expect(await fixture.get("templates/by-type/party", as: fixture.organizer)["total"] == 0)
        }
    }
}
