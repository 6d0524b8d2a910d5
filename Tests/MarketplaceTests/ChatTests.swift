import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Marketplace

/// Chats of events, and what is kept out of them.
@Suite struct ChatTests {
    /// A confirmed event with its venue and its service.
    private func confirmed(_ fixture: MarketplaceFixture) async throws -> (event: String, group: String) {
        let event = try await fixture.event()
        let venue = try #require(await fixture.bookVenue(event)["event_service_id"]?.string)
        _ = try await fixture.booked(event)
        #expect(await fixture.post("bookings/accept/\(venue)", as: fixture.host).status == 200)
        let chat = await fixture.get("chat/event/\(event)", as: fixture.organizer)
        return (event, try #require(chat["chat_group_id"]?.string, "\(chat)"))
    }

    private func send(
        _ text: String, to group: String, as person: TestPerson, _ fixture: MarketplaceFixture
    ) async -> TestResponse {
        await fixture.post(
            "chat/send", ["chat_group_id": .string(group), "content": .string(text)], as: person)
    }

    @Test(arguments: Engine.available)
    func `members read each other under the names of their parts, and no other account does`(engine: Engine)
        async throws
    {
        try await withMarketplace(engine) { fixture in
            let (event, group) = try await confirmed(fixture)
            let guest = try await fixture.app.register("guest")
            #expect(await send("Hello", to: group, as: guest, fixture).code == "not-a-chat-member")
            #expect(await fixture.get("chat/\(group)/messages", as: guest).status == 403)
            #expect(await fixture.get("chat/event/\(event)", as: guest).status == 403)
            #expect(await fixture.get("chat/\(group)/messages", as: fixture.administrator).status == 403)
            let collaborator = try await fixture.create(
                "event-collaborators", ["event_id": .string(event), "user_id": .string(guest.id.text)],
                as: fixture.organizer)
            // Only members who have accepted take part.
            #expect(await send("Hello", to: group, as: guest, fixture).code == "not-a-chat-member")
            #expect(await fixture.get("events/\(event)", as: guest).status == 404)
            let acceptance = "event-collaborators/\(collaborator)/acceptance"
            #expect(await fixture.post(acceptance, as: fixture.host).status == 404)
            for _ in 0..<2 {
                let accepted = await fixture.post(acceptance, as: guest)
                #expect(accepted["data"]?["accepted_at"] != nil, "\(accepted)")
            }
            #expect(await fixture.get("events/\(event)", as: guest).status == 200)
            for (person, text) in [
                (fixture.organizer, "Welcome all"), (fixture.host, "The hall is ready"),
                (fixture.provider, "The menu too"), (guest, "Great"),
            ] {
                let sent = await send(text, to: group, as: person, fixture)
                #expect(sent.status == 200 && sent["message"]?["is_blocked"] == false, "\(sent)")
                fixture.app.clock.advance(by: .seconds(1))
            }
            let list = await fixture.get("chat/\(group)/messages", as: fixture.provider)
            let messages = try #require(list["messages"]?.array)
            #expect(
                messages.compactMap { $0["sender_name"]?.string } == [
                    "Event Organizer", "Venue Host", "Service Provider", "Participant",
                ])
            #expect(messages.map { $0["is_own"] == true } == [false, false, true, false])
            for person in [fixture.organizer, fixture.host, guest] {
                for secret in [person.id.text, person.email, person.organisation] {
                    #expect(!list.text.contains(secret))
                }
            }
            let newest = await fixture.get("chat/\(group)/messages?limit=2", as: guest)
            #expect(newest["messages"]?.array?.compactMap { $0["content"]?.string } == ["The menu too", "Great"])
            let before = try #require(newest["messages"]?[0]?["id"]?.string)
            let older = await fixture.get("chat/\(group)/messages?limit=2&before=\(before)", as: guest)
            #expect(
                older["messages"]?.array?.compactMap { $0["content"]?.string } == ["Welcome all", "The hall is ready"])
            #expect(older["has_more"] == false && newest["has_more"] == true)

            // New messages reach the topics of all members, and of no one else.
            let path = "/v1/realtime/topics/marketplace-chat.\(group)?after=0"
            for person in [fixture.organizer, fixture.host, fixture.provider, guest] {
                let page = await fixture.app.call("GET", path, token: person.token)
                #expect(page["messages"]?.array?.isEmpty == false, "\(page)")
            }
            let stranger = try await fixture.app.register("stranger")
            #expect(await fixture.app.call("GET", path, token: stranger.token).status == 404)
            // The collaborator leaves by itself.
            let left = await fixture.call("DELETE", "event-collaborators/\(collaborator)", as: guest)
            #expect(left.status == 200, "\(left)")
            #expect(await send("Still here", to: group, as: guest, fixture).status == 403)
        }
    }

    @Test(arguments: Engine.available)
    func `a message with contact details is blocked, and its text is stored nowhere`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let (_, group) = try await confirmed(fixture)
            let secret = "nine eight seven six five four three two one zero"
            let sent = await send("Call me: \(secret)", to: group, as: fixture.provider, fixture)
            #expect(sent.status == 200 && sent["reason"] == "phone", "\(sent)")
            #expect(sent["message"]?["is_blocked"] == true && !sent.text.contains(secret))
            let list = await fixture.get("chat/\(group)/messages", as: fixture.organizer)
            #expect(!list.text.contains(secret) && list["messages"]?[0]?["is_blocked"] == true, "\(list)")
            #expect(try await fixture.count("marketplace_chat_messages WHERE content LIKE '%nine%'") == 0)
            #expect(try await fixture.audited("chat-message.blocked") == 1)
            let attachment = await fixture.post(
                "chat/send",
                [
                    "chat_group_id": .string(group), "content": "See this",
                    "attachment_url": "https://keller-events.com/card.png",
                ], as: fixture.provider)
            #expect(attachment.status == 422, "\(attachment)")
        }
    }

    @Test(arguments: Engine.available)
    func `a person and a conversation send a bounded number of messages a day`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let (_, group) = try await confirmed(fixture)
            func fill(_ count: Int64, by person: String) async throws {
                try await fixture.database.write { transaction in
                    try transaction.execute(
                        """
                        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \(count))
                        INSERT INTO marketplace_chat_messages (
                            id, group_id, organisation_id, person_id, sender_role, content, is_blocked, created_at)
                        SELECT CAST(\(person) AS TEXT) || '-' || CAST(n AS TEXT), \(group),
                               \(fixture.organizer.organisation), \(person), 'organizer', 'Hello', 0, \(transaction.now)
                        FROM numbers
                        """
                    )
                }
            }
            try await fill(MarketplaceLimits.messagesPerPersonAndDay - 1, by: fixture.organizer.id.text)
            #expect(await send("The last", to: group, as: fixture.organizer, fixture).status == 200)
            let refused = await send("One more", to: group, as: fixture.organizer, fixture)
            #expect(refused.status == 429 && refused.code == "too-many-messages", "\(refused)")
            #expect(refused["detail"]?.string?.hasPrefix("You have sent 500") == true, "\(refused)")
            #expect(await send("Hello", to: group, as: fixture.provider, fixture).status == 200)
            try await fill(
                MarketplaceLimits.messagesPerGroupAndDay - MarketplaceLimits.messagesPerPersonAndDay, by: "another")
            let full = await send("Hello", to: group, as: fixture.provider, fixture)
            #expect(full.status == 429 && full["detail"]?.string?.hasPrefix("This conversation has") == true, "\(full)")
            fixture.app.clock.advance(by: .days(1))
            let session = await fixture.app.call(
                "POST", "/v1/auth/login",
                json: ["email": .string(fixture.provider.email), "password": .string(fixture.provider.password)])
            let later = await fixture.app.call(
                "POST", "/api/chat/send", json: ["chat_group_id": .string(group), "content": "A new day"],
                token: session["access_token"]?.string)
            #expect(later.status == 200, "\(later)")
        }
    }

    @Test(arguments: [
        "call 9\u{20e3}8\u{20e3}7\u{20e3}6\u{20e3}5\u{20e3}4\u{20e3}3\u{20e3}2\u{20e3}1\u{20e3}0\u{20e3}",
        "call 9\u{fe0f}\u{20e3} 8\u{fe0f}\u{20e3} 7\u{fe0f}\u{20e3} 65432 10", "call 9\u{336}8\u{336}7\u{336}6543210",
    ])
    func `digits with combining marks are digits`(_ text: String) {
        #expect(ContactGuardrail.finding(in: text) == .phone)
    }

    private struct Sample: Decodable {
        let text: String
        let contact: Bool
    }

    /// The rates that `docs/modules/marketplace.md` tells.
    @Test func `of 100 written messages with contact details 94 are found, and of 100 others 2 are`() throws {
        let lines = try String(
            contentsOf: Repository.url("Tests/Cases/marketplace/chat-messages.jsonl"), encoding: .utf8
        ).split(separator: "\n")
        let samples = try lines.map { try JSONDecoder().decode(Sample.self, from: Data($0.utf8)) }
        #expect(samples.count { $0.contact } == 100 && samples.count == 200)
        let missed = samples.filter { $0.contact && ContactGuardrail.finding(in: $0.text) == nil }.map(\.text)
        let wrong = samples.filter { !$0.contact && ContactGuardrail.finding(in: $0.text) != nil }.map(\.text)
        #expect(missed.count == 6, "\(missed)")
        #expect(wrong.count == 2, "\(wrong)")
    }

    @Test func `a long message is read in milliseconds, however it is made`() {
        let clock = ContinuousClock()
        for text in [
            String(repeating: "a", count: 4_000), String(repeating: "a ", count: 2_000),
            "find"
                + String(repeating: " me", count: 1_300), "a" + String(repeating: " ", count: 3_999),
            String(repeating: "one two a.b c at d ", count: 210), String(repeating: "@", count: 4_000),
        ] {
            let time = clock.measure { _ = ContactGuardrail.finding(in: text) }
            #expect(time < .seconds(1), "\(text.prefix(20)): \(time)")
        }
    }
}
