import Base
import Outbound
import Stripe
import TestKit
import TestStripe
import Testing

@Suite struct StripeClientTests {
    private let transfer = StripeRequest.createCustomer(email: "ada@example.com")

    private func isUnknown(_ outcome: StripeOutcome) -> Bool { if case .unknown = outcome { true } else { false } }

    private func id(_ outcome: StripeOutcome) -> String? {
        if case .done(let value) = outcome { value["id"]?.string } else { nil }
    }

    private func customers(_ server: TestStripeServer) -> Int { server.objects(StripeCustomer.self).count }

    @Test func `sends the version, the key and the form`() async throws {
        let fixture = try await StripeFixture()
        _ = await fixture.client.send(transfer, key: "k1")
        let exchange = try #require(fixture.server.exchanges.last)
        #expect(exchange.method == "POST")
        #expect(exchange.path == "/v1/customers")
        #expect(exchange.version == "2026-10-28.endive")
        #expect(exchange.idempotencyKey == "k1")
        #expect(exchange.account == nil)
        #expect(exchange.fields.map(\.name) == ["email"])
    }

    @Test func `sends an account, and no idempotency key for reading`() async throws {
        let fixture = try await StripeFixture()
        let account = fixture.server.makeAccount()
        let balance: StripeBalance = try await fixture.client.fetch(.balance(of: account))
        #expect(balance.available == [usd(0)])
        let exchange = try #require(fixture.server.exchanges.last)
        #expect(exchange.account == account)
        #expect(exchange.idempotencyKey == nil)
    }

    @Test(
        arguments: [
            .lostBeforeEffect, .lostAfterEffect, .serverError, .rateLimited, .keyInUse, .unreadable,
            .refused(status: 401, type: "invalid_request_error", code: nil),
            .refused(status: 403, type: "invalid_request_error", code: nil),
            .refused(status: 400, type: "idempotency_error", code: nil),
            .refused(status: 409, type: "invalid_request_error", code: nil),
            .refused(status: 502, type: "api_error", code: nil),
        ] as [TestStripeFault.Kind])
    func `knows nothing after a fault, and the same key tells`(fault: TestStripeFault.Kind) async throws {
        let fixture = try await StripeFixture()
        fixture.server.fail(fault)
        #expect(isUnknown(await fixture.client.send(transfer, key: "k")))
        #expect(id(await fixture.client.send(transfer, key: "k")) != nil)
        #expect(customers(fixture.server) == 1)
    }

    @Test(arguments: [false, true])
    func `a response that is not complete in time is unknown, and the same key tells`(isBegun: Bool) async throws {
        let fixture = try await StripeFixture()
        let hold = TestStripeHold()
        fixture.server.fail(isBegun ? .halfHeld(hold) : .held(hold))
        let impatient = StripeFixture.client(
            fixture.server.url, key: fixture.server.secretKey, timeout: .milliseconds(200))
        #expect(isUnknown(await impatient.send(transfer, key: "k")))
        hold.release()
        #expect(id(await fixture.client.send(transfer, key: "k")) != nil)
        #expect(customers(fixture.server) == 1)
    }

    @Test func `a failure that Stripe keeps stays unknown for as long as the key`() async throws {
        let fixture = try await StripeFixture()
        fixture.server.fail(.serverErrorAfterEffect)
        for _ in 0..<3 { #expect(isUnknown(await fixture.client.send(transfer, key: "k"))) }
        #expect(customers(fixture.server) == 1)
        // After the key has expired, the same request is done again.
        fixture.clock.advance(by: .hours(24))
        #expect(id(await fixture.client.send(transfer, key: "k")) != nil)
        #expect(customers(fixture.server) == 2)
    }

    @Test func `a key stands for one request`() async throws {
        let fixture = try await StripeFixture()
        let first = id(await fixture.client.send(transfer, key: "k"))
        #expect(first != nil)
        #expect(id(await fixture.client.send(transfer, key: "k")) == first)
        #expect(isUnknown(await fixture.client.send(.createCustomer(email: "eve@example.com"), key: "k")))
        #expect(customers(fixture.server) == 1)
    }

    @Test func `of two at once with one key, one is executed`() async throws {
        let fixture = try await StripeFixture()
        let hold = TestStripeHold()
        fixture.server.fail(.held(hold))
        async let first = fixture.client.send(transfer, key: "k")
        #expect(try await eventually { hold.count == 1 })
        #expect(isUnknown(await fixture.client.send(transfer, key: "k")))
        hold.release()
        #expect(id(await first) != nil)
        #expect(customers(fixture.server) == 1)
    }

    @Test func `a refusal is definite, and stays so with the same key`() async throws {
        let fixture = try await StripeFixture()
        let request = StripeRequest.createPaymentIntent(
            amount: usd(100), paymentMethod: "pm_card_chargeDeclinedInsufficientFunds", confirms: true)
        for _ in 0..<2 {
            guard case .refused(let refusal) = await fixture.client.send(request, key: "k") else {
                Issue.record("not refused")
                return
            }
            #expect(refusal.status == 402)
            #expect(refusal.type == "card_error")
            #expect(refusal.code == "card_declined")
            #expect(refusal.declineCode == "insufficient_funds")
            let intent = try #require(refusal.paymentIntent)
            #expect(fixture.server.object(intent, as: StripePaymentIntent.self)?.status == .requiresPaymentMethod)
        }
        #expect(fixture.server.objects(StripePaymentIntent.self).count == 1)
    }

    @Test func `reading is repeated`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        for fault in [.serverError, .rateLimited, .lostAfterEffect, .unreadable] as [TestStripeFault.Kind] {
            fixture.server.fail(next: 2, fault, method: "GET")
            let read: StripeCustomer = try await fixture.client.fetch(.customer(customer.id))
            #expect(read.id == customer.id)
        }
        fixture.server.fail(next: 3, .serverError, method: "GET")
        await #expect(throws: StripeFetchFailure.self) {
            _ = try await fixture.client.fetch(.customer(customer.id), as: StripeCustomer.self)
        }
    }

    @Test func `a missing object is known to be missing`() async throws {
        let fixture = try await StripeFixture()
        do {
            _ = try await fixture.client.fetch(.customer("cus_none"), as: StripeCustomer.self)
            Issue.record("it was found")
        } catch { #expect(error.isMissing) }
    }

    @Test func `reads a list to its end, and no further than it is asked to`() async throws {
        let fixture = try await StripeFixture()
        for _ in 0..<205 { _ = try await fixture.customer() }
        let all = try await fixture.client.list(of: StripeCustomer.self) { .customers(page: $0) }
        #expect(all.elements.count == 205)
        #expect(Set(all.elements.map(\.id)).count == 205)
        #expect(!all.hasMore)
        let some = try await fixture.client.list(of: StripeCustomer.self, countMax: 100) { .customers(page: $0) }
        #expect(some.elements.count == 100)
        #expect(some.hasMore)
        // The elements next to a cursor, newer than it.
        let newer = try await fixture.client.page(
            .customers(page: StripePage(limit: 10, endingBefore: all.elements[50].id)), of: StripeCustomer.self)
        #expect(newer.elements.map(\.id) == all.elements[40..<50].map(\.id))
    }

    @Test func `nothing that is said contains the secret key`() async throws {
        let key = "sk_test_veryverysecret"
        let settings = StripeSettings(base: "http://127.0.0.1:1", secretKey: key)
        #expect(!"\(settings) \(String(reflecting: settings))".contains("secret"))
        var dumped = ""
        dump(settings, to: &dumped)
        #expect(!dumped.contains("verysecret"))
        let client = StripeFixture.client("http://127.0.0.1:1", key: key)
        guard case .unknown(let reason) = await client.send(transfer, key: "k") else {
            Issue.record("there is no server")
            return
        }
        #expect(!reason.contains("secret"))
    }

    @Test func `another secret key changes nothing`() async throws {
        let fixture = try await StripeFixture()
        let client = StripeFixture.client(fixture.server.url, key: "sk_test_wrong")
        #expect(isUnknown(await client.send(transfer, key: "k")))
        #expect(customers(fixture.server) == 0)
        #expect(client.mode == .test)
    }

    @Test func `random faults leave one object for a key`() async throws {
        let fixture = try await StripeFixture()
        fixture.server.failAtRandom(thousandths: 500, seed: 3)
        for number in 0..<TestScale.rounds(300) {
            var outcome = StripeOutcome.unknown(reason: "")
            for _ in 0..<200 {
                outcome = await fixture.client.send(transfer, key: "k\(number)")
                guard isUnknown(outcome) else { break }
            }
            #expect(id(outcome) != nil)
        }
        #expect(customers(fixture.server) == TestScale.rounds(300))
    }
}
