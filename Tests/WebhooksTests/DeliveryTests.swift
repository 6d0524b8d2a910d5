import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Webhooks

@Suite struct DeliveryTests {
    @Test(arguments: Engine.available)
    func `an event reaches the endpoints that subscribe to it, with one id`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let all = try await webhooks.endpoint()
            let other = try await webhooks.endpoint(["subscription.updated"], url: webhooks.receiver.url + "/other")
            try await webhooks.emit(number: 7)
            #expect(webhooks.receiver.messages.isEmpty)
            try await webhooks.test.runJobs()
            let message = try #require(webhooks.receiver.messages.first)
            #expect(webhooks.receiver.messages.count == 1 && message.path == "/hooks")
            #expect(message.type == "fixture.counted" && message.json["data"]?["number"] == 7, "\(message.json)")
            #expect(message.json["timestamp"] == .string(webhooks.test.clock.now.description))
            #expect(message.headers["content-type"] == "application/json")
            #expect(try await webhooks.deliveries(other.id) == [])
            let delivery = try #require(try await webhooks.deliveries(all.id).first)
            #expect(delivery["state"] == "delivered" && delivery["attempts"] == 1 && delivery["status"] == 200)
            #expect(delivery["event_id"]?.string == message.headers["webhook-id"])
            let detail = try await webhooks.call("GET", "deliveries/\(try #require(delivery["id"]?.string))")
            #expect(detail["body"]?["data"]?["number"] == 7, "\(detail)")
        }
    }

    @Test(arguments: Engine.available)
    func `an event of a transaction that is rolled back is not sent`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            _ = try await webhooks.endpoint()
            let organisation = webhooks.organisation
            await #expect(throws: Problem.self) {
                try await webhooks.database.write { [service = webhooks.service] transaction in
                    try service.emit(.fixture, of: organisation, FixtureData(number: 1), in: transaction)
                    throw Problem(.conflict)
                }
            }
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `emitting is atomic at every failing statement`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            for _ in 1...2 { _ = try await webhooks.endpoint() }
            let count = try await withEachStatementFailing(on: webhooks.database) { database in
                try await webhooks.emit(on: database)
            } check: { _ in
                try await webhooks.requireInvariants()
            }
            #expect(count >= 6)
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `a failing endpoint is attempted ten times in three days, then disabled, with one mail`(
        engine: Engine
    ) async throws {
        try await withWebhooks(engine) { webhooks in
            webhooks.receiver.answer(500, body: "out of \u{7} order" + String(repeating: "x", count: 9_000))
            let endpoint = try await webhooks.endpoint()
            let start = webhooks.test.clock.now
            try await webhooks.emit()
            var times: [Double] = []
            for _ in 1...WebhookDelivery.attemptsMax {
                let before = webhooks.receiver.messages.count
                try await webhooks.test.runJobs()
                #expect(webhooks.receiver.messages.count == before + 1)
                times.append((webhooks.test.clock.now - start).inSeconds)
                let next = try await webhooks.deliveries(endpoint.id)[0]["next_attempt_at"]?.string
                guard let next = next.flatMap({ Instant($0) }) else { break }
                webhooks.test.clock.set(next)
            }
            let waits = zip(times.dropFirst(), times).map { $0 - $1 }
            #expect(waits.count == 9)
            for (wait, least) in zip(waits, WebhookDelivery.waits.map(\.inSeconds)) {
                #expect(least <= wait && wait <= least * 1.1 + 1)
            }
            let delivery = try await webhooks.deliveries(endpoint.id)[0]
            #expect(delivery["state"] == "failed" && delivery["attempts"] == 10 && delivery["status"] == 500)
            #expect(delivery["error"] == "The endpoint answered with the status 500.")
            let response = try #require(delivery["response"]?.string)
            #expect(response.hasPrefix("out of  order") && response.unicodeScalars.count == WebhookDelivery.responseMax)
            #expect(try await webhooks.state(endpoint.id) == "disabled")
            #expect(Set(webhooks.receiver.messages.map { $0.headers["webhook-id"] }).count == 1)
            #expect(Set(webhooks.receiver.messages.map { $0.headers["webhook-timestamp"] }).count == 10)
            let mails = try await webhooks.test.mail(to: webhooks.person.email).filter {
                $0.subject.contains("disabled")
            }
            #expect(mails.count == 1 && mails.first?.text.contains("127.0.0.1") == true)
        }
    }

    @Test(arguments: Engine.available)
    func `an endpoint that is gone is disabled at once, and what it misses is replayed`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            webhooks.receiver.answer(410)
            try await webhooks.emit(number: 1)
            try await webhooks.test.runJobs()
            let view = try await webhooks.call("GET", "endpoints/\(endpoint.id)")
            #expect(view["state"] == "disabled" && view["disabled_because"] == "gone", "\(view)")
            try await webhooks.emit(number: 2)
            try await webhooks.test.runJobs()
            // The first is due again according to its schedule, and ends then.
            webhooks.test.clock.advance(by: .seconds(10))
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.count == 1)
            #expect(try await webhooks.deliveries(endpoint.id).map { $0["state"] } == ["failed", "failed"])

            webhooks.receiver.answer(204)
            let replay: JSONValue = ["since": .string((webhooks.test.clock.now - .hours(1)).description)]
            #expect(try await webhooks.call("POST", "endpoints/\(endpoint.id)/replays", json: replay).status == 409)
            let enabled = try await webhooks.call("PATCH", "endpoints/\(endpoint.id)", json: ["enabled": true])
            #expect(enabled["state"] == "enabled", "\(enabled)")
            let replayed = try await webhooks.call("POST", "endpoints/\(endpoint.id)/replays", json: replay)
            #expect(replayed["deliveries"] == 2 && replayed["has_more"] == false, "\(replayed)")
            try await webhooks.test.runJobs()
            #expect(
                webhooks.receiver.messages.compactMap { $0.json["data"]?["number"]?.integer }.sorted() == [1, 1, 2])
            #expect(try await webhooks.deliveries(endpoint.id).map { $0["state"] } == ["delivered", "delivered"])
        }
    }

    @Test(arguments: Engine.available)
    func `an administrator replays what an endpoint of an organisation has missed`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            _ = try await webhooks.call("PATCH", "endpoints/\(endpoint.id)", json: ["enabled": false])
            try await webhooks.emit()
            _ = try await webhooks.call("PATCH", "endpoints/\(endpoint.id)", json: ["enabled": true])
            let administrator = try await webhooks.test.administrator()
            let path = "/v1/admin/webhooks/endpoints/\(endpoint.id)/replays"
            let replay: JSONValue = ["since": .string(webhooks.test.clock.now.description)]
            #expect(
                await webhooks.test.call("POST", path, json: replay, token: webhooks.person.token).status == 403)
            let replayed = await webhooks.test.call("POST", path, json: replay, token: administrator.token)
            #expect(replayed["deliveries"] == 1, "\(replayed)")
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.count == 1)
            let list = await webhooks.test.call(
                "GET", "/v1/admin/webhooks/endpoints?state=enabled", token: administrator.token)
            #expect(list["total"] == 1, "\(list)")
            #expect(list["data"]?[0]?["organisation_id"]?.string == webhooks.person.organisation)
        }
    }

    @Test(arguments: Engine.available)
    func `Retry-After delays the next attempt, as seconds and as a date, by a day at most`(engine: Engine)
        async throws
    {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            for (value, least) in [
                ("600", 600.0), ("999999999", 86_400), ("Sat, 31 Jan 2026 13:00:00 GMT", 3_590), ("soon", 5),
            ] {
                webhooks.receiver.answer(429, headers: ["Retry-After": value])
                try await webhooks.emit()
                try await webhooks.test.runJobs()
                let next = try #require(
                    try await webhooks.deliveries(endpoint.id)[0]["next_attempt_at"]?.string.flatMap { Instant($0) })
                let wait = (next - webhooks.test.clock.now).inSeconds
                #expect(least <= wait && wait <= least * 1.1 + 12, "\(value): \(wait)")
                // A success, so that the endpoint is not degraded; a second later, so that it is listed first.
                webhooks.receiver.answer(200)
                webhooks.test.clock.advance(by: .seconds(1))
                try await webhooks.emit()
                try await webhooks.test.runJobs()
                webhooks.test.clock.advance(by: .seconds(1))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `redirects are not followed`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            webhooks.receiver.answer(302, headers: ["Location": webhooks.receiver.url + "/elsewhere"])
            try await webhooks.emit()
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.map(\.path) == ["/hooks"])
            #expect(try await webhooks.deliveries(endpoint.id)[0]["state"] == "pending")
        }
    }

    @Test(arguments: Engine.available)
    func `a private address is neither accepted nor contacted`(engine: Engine) async throws {
        try await withWebhooks(engine, change: { $0.outboundPrivateNetworks = [] }) { webhooks in
            for url in [webhooks.receiver.url, "https://127.0.0.1/", "https://169.254.169.254/", "https://[::1]/"] {
                let response = try await webhooks.call(
                    "POST", "endpoints", json: ["url": .string(url), "event_types": ["*"]])
                #expect(response.status == 422, "\(url): \(response)")
            }
            let endpoint = try await webhooks.endpoint(url: "https://203.0.114.1/")
            // As a name whose address has changed since.
            let url = webhooks.receiver.url
            try await webhooks.database.write { try $0.execute("UPDATE webhook_endpoints SET url = \(url)") }
            try await webhooks.emit()
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.isEmpty)
            let delivery = try await webhooks.deliveries(endpoint.id)[0]
            #expect(delivery["state"] == "pending" && delivery["error"]?.string?.contains("127") == false)
        }
    }

    @Test(arguments: Engine.available)
    func `a degraded endpoint is attempted once in a while, and recovers with a success`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            webhooks.receiver.answer(503)
            for number in 1...5 { try await webhooks.emit(number: Int64(number)) }
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.count == 3)
            #expect(try await webhooks.state(endpoint.id) == "degraded")
            // A retry that the organisation requests does not wait.
            let waiting = try #require(
                try await webhooks.deliveries(endpoint.id).first { $0["attempts"] == 0 }?["id"]?.string)
            webhooks.receiver.answer(200)
            #expect(try await webhooks.call("POST", "deliveries/\(waiting)/retries").status == 202)
            try await webhooks.test.runJobs()
            #expect(try await webhooks.state(endpoint.id) == "enabled")
            webhooks.test.clock.advance(by: .minutes(1))
            try await webhooks.test.runJobs()
            #expect(Set(try await webhooks.deliveries(endpoint.id).map { $0["state"] }) == ["delivered"])
            #expect(webhooks.receiver.messages.count == 8)
        }
    }

    @Test(arguments: Engine.available)
    func `a delivery is retried by request, in a round of its own`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            webhooks.receiver.answer(500)
            try await webhooks.emit()
            try await webhooks.test.runJobs()
            webhooks.receiver.answer(200)
            let id = try #require(try await webhooks.deliveries(endpoint.id)[0]["id"]?.string)
            for _ in 1...2 {
                let retried = try await webhooks.call("POST", "deliveries/\(id)/retries")
                #expect(retried.status == 202 && retried["state"] == "pending", "\(retried)")
            }
            try await webhooks.test.runJobs()
            // The job of the first round, and that of the first retry, have no effect.
            webhooks.test.clock.advance(by: .minutes(1))
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.count == 2)
            #expect(try await webhooks.deliveries(endpoint.id)[0]["state"] == "delivered")
        }
    }

    @Test(arguments: Engine.available)
    func `endpoints that do not answer do not delay those of another organisation`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let hanging = Latch()
            webhooks.receiver.answer { message in
                if message.path == "/hooks" { await hanging.wait() }
                return .init(200)
            }
            _ = try await webhooks.endpoint()
            let other = try await webhooks.test.register("other")
            _ = try await webhooks.endpoint(url: webhooks.receiver.url + "/other", of: other)
            for number in 1...20 { try await webhooks.emit(number: Int64(number)) }
            try await webhooks.emit(number: 99, to: other)
            let runner = webhooks.test.app.runner
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await runner.run() }
                let isDelivered = try await eventually {
                    webhooks.receiver.messages.contains { $0.path == "/hooks/other" }
                }
                #expect(isDelivered)
                #expect(webhooks.receiver.messages.filter { $0.path == "/hooks" }.count <= 2)
                hanging.open()
                let areAllDelivered = try await eventually {
                    try await webhooks.count("webhook_deliveries WHERE state = 'delivered'") == 21
                }
                #expect(areAllDelivered)
                tasks.cancelAll()
            }
        }
    }

    @Test(arguments: Engine.available)
    func `deliveries and events are deleted after 30 days`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            try await webhooks.emit()
            try await webhooks.test.runJobs()
            webhooks.test.clock.advance(by: .days(29))
            try await webhooks.test.runJobs()
            #expect(try await webhooks.deliveries(endpoint.id).count == 1)
            webhooks.test.clock.advance(by: .days(2))
            try await webhooks.test.runJobs()
            #expect(try await webhooks.deliveries(endpoint.id) == [])
            #expect(try await webhooks.count("webhook_events") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `nothing is sent for an organisation whose owner is suspended`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            _ = try await webhooks.endpoint()
            let person = webhooks.person.id
            try await webhooks.database.write {
                try $0.execute("UPDATE people SET suspended_at = \($0.now) WHERE id = \(person)")
            }
            try await webhooks.emit()
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.isEmpty)
            #expect(try await webhooks.count("webhook_deliveries WHERE state = 'failed'") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `changes of a subscription and thresholds of use are sent`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint(["subscription.updated", "usage.threshold_reached"])
            let started = await webhooks.test.call(
                "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: webhooks.person.token)
            #expect(started.status == 201, "\(started)")
            try await webhooks.test.runJobs()
            let message = try #require(webhooks.receiver.messages.first)
            #expect(message.type == "subscription.updated", "\(message.json)")
            #expect(message.json["data"]?["change"] == "subscription.started")
            #expect(message.json["data"]?["plan"] == "free" && message.json["data"]?["status"] == "active")

            let administrator = try await webhooks.test.administrator()
            let key = await webhooks.test.call(
                "POST", "/v1/admin/service-keys", json: ["name": "product", "scopes": ["usage:write"]],
                token: administrator.token)
            let report = await webhooks.test.call(
                "POST", "/v1/usage/events",
                json: ["id": "one", "meter": "uploads", "amount": 4],
                token: key["service_key"]?.string,
                headers: ["X-Organisation": webhooks.person.organisation])
            #expect(report.status == 201, "\(key) \(report)")
            try await webhooks.test.runJobs()
            let threshold = try #require(webhooks.receiver.messages.last?.json)
            #expect(threshold["type"] == "usage.threshold_reached", "\(threshold)")
            #expect(threshold["data"]?["meter"] == "uploads" && threshold["data"]?["percent"] == 80)
            #expect(threshold["data"]?["used"] == 4 && threshold["data"]?["limit"] == 5)

            _ = await webhooks.test.call(
                "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: webhooks.person.token)
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.last?.json["data"]?["status"] == "canceled")
            #expect(try await webhooks.deliveries(endpoint.id).count == 3)
        }
    }
}
