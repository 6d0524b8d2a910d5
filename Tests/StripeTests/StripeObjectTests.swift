import Base
import Stripe
import Testing

@Suite struct StripeObjectTests {
    private let intent: JSONValue = [
        "object": "payment_intent", "id": "pi_1", "status": "succeeded", "amount": 100, "amount_received": 100,
        "amount_capturable": 0, "currency": "usd", "created": 1_769_860_800, "livemode": false,
        "metadata": ["order": "7", "odd": 3], "a_new_member": ["x": 1],
    ]

    private func intent(with member: String, _ value: JSONValue?) -> JSONValue {
        var members = intent.object ?? [:]
        members[member] = value
        return .object(members)
    }

    @Test func `reads the members, and leaves out what it does not know`() throws {
        let read = try StripePaymentIntent(intent)
        #expect(read.amount == usd(100))
        #expect(read.status == .succeeded)
        #expect(read.created == Instant(seconds: 1_769_860_800))
        #expect(read.metadata == ["order": "7"])
        #expect(read.latestCharge == nil)
    }

    @Test(arguments: ["object", "id", "status", "amount", "currency", "created", "livemode"])
    func `names a member that is missing or has another type`(member: String) throws {
        for value in [nil, .null, [1], 1.5] as [JSONValue?] {
            let fault = #expect(throws: StripeObjectFault.self) { try StripePaymentIntent(intent(with: member, value)) }
            #expect(member == "currency" || fault?.member == member)
        }
    }

    @Test func `keeps a status that it does not know`() throws {
        let read = try StripePaymentIntent(intent(with: "status", "requires_approval"))
        #expect(read.status.known == nil)
        #expect(read.status.text == "requires_approval")
        #expect(read.status != .succeeded)
    }

    @Test func `reads an object that is expanded, and its id where it is not`() throws {
        let charge: JSONValue = [
            "object": "charge", "id": "ch_1", "status": "succeeded", "amount": 100, "amount_captured": 100,
            "amount_refunded": 0, "refunded": false, "disputed": false, "currency": "usd", "created": 1,
            "livemode": false,
        ]
        let expanded = try StripePaymentIntent(intent(with: "latest_charge", charge))
        #expect(expanded.latestCharge == "ch_1")
        #expect(expanded.charge?.amountCaptured == usd(100))
        let plain = try StripePaymentIntent(intent(with: "latest_charge", "ch_1"))
        #expect(plain.latestCharge == "ch_1")
        #expect(plain.charge == nil)
    }

    @Test func `refuses times and amounts beyond what it can keep`() {
        #expect(throws: StripeObjectFault.self) { try StripePaymentIntent(intent(with: "created", .integer(.max))) }
        #expect(throws: StripeObjectFault.self) { try StripePaymentIntent(intent(with: "amount", .number(1e300))) }
    }

    @Test func `reads an event with its object, and no other`() throws {
        let event: JSONValue = [
            "object": "event", "id": "evt_1", "type": "payment_intent.succeeded", "created": 1, "livemode": false,
            "data": ["object": intent], "account": "acct_1", "request": ["id": .null, "idempotency_key": "k"],
        ]
        let read = try StripeEvent(event)
        #expect(read.objectType == "payment_intent")
        #expect(read.objectID == "pi_1")
        #expect(read.account == "acct_1")
        #expect(read.idempotencyKey == "k")
        for value in [["object": "customer", "id": "cus_1"], [], "x", .null] as [JSONValue] {
            #expect(throws: StripeObjectFault.self) { try StripeEvent(value) }
        }
    }
}
