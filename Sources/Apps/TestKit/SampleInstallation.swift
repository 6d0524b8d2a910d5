import App
import Audit
import Base
import Billing
import Entitlements
import Identity
import Modules

/// Data in every module, made over HTTP as clients do: for a move to another database and for fixtures of upgrades.
package struct SampleInstallation: Sendable {
    /// The account that owns the data.
    package let owner: TestPerson
    private let app: TestApp

    package init(_ app: TestApp) async throws {
        self.app = app
        owner = try await app.subscriber("professional", "owner")
        let administrator = try await app.administrator()
        try await addAccounts()
        try await addFiles()
        try await addConversation()
        try await addEvent(administrator)
        try await post("/v1/intents", ["intent": "create a file notes.txt with \"Nothing yet.\""])
        try await post(
            "/api/v1/sandbox/sessions",
            [
                "instance_id": "i-0123456789abcdef0", "instance_type": "c5.large", "availability_zone": "ap-south-1b",
                "aws_access_key": "AKIAIOSFODNN7EXAMPLE",
                "aws_secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ])
        try await app.runJobs()
        try await addMoney(administrator)
        // The last one, so that no job sends events to it.
        try await post("/v1/webhooks/endpoints", ["url": "https://example.org/hook", "event_types": ["*"]])
        _ = try await app.app.audit.checkpoints.sign()
    }

    /// What ``owner`` reads of each product.
    package static let paths = [
        "/v1/auth/me", "/v1/organisations", "/v1/usage", "/v1/payments/invoices", "/v1/payments/credit-notes",
        "/v1/training/csv-files/session_1", "/v1/sessions", "/v1/files/list", "/v1/workflows",
        "/v1/webhooks/endpoints", "/api/v1/sandbox/sessions",
    ]

    /// The responses of ``paths``, which a copy of the data gives too.
    /// - Parameter other: the system with the copy.
    package func answers(of other: TestApp? = nil) async throws -> [String: String] {
        var answers: [String: String] = [:]
        for path in Self.paths {
            let response = await (other ?? app).call("GET", path, token: owner.token)
            guard response.status == 200 else { throw UnexpectedResponse(response) }
            answers[path] = response.text
        }
        return answers
    }

    private func addAccounts() async throws {
        let organisation =
            try await post("/v1/organisations", ["name": "Zoë's \u{1F600} \"Harbour\" \\ Works"])["id"]?.string ?? ""
        try await post("/v1/organisations/\(organisation)/invitations", ["email": "guest@example.org"])
        try await post(
            "/v1/auth/api-keys",
            ["name": "a key", "scopes": ["training"], "password": .string(owner.password)])
        // A trial has credits, which are postings of the ledger.
        let trial = try await app.register("trial", isVerified: false)
        let token = try await app.mail(to: trial.email).last?.token ?? ""
        try await post("/v1/auth/verify-email", ["token": .string(token)])
        let closed = try await app.register("closed")
        try await post("/v1/user/erasure", ["password": .string(closed.password)], as: closed)
    }

    private func addFiles() async throws {
        try await post("/v1/training/init-session", ["sessionId": "session_1"])
        let rows = (0..<50).map { "\(Instant(seconds: 1_262_304_000 + Int64($0) * 3_600));\($0 % 24)" }
        let upload = multipart(
            [("metadata", "{\"sessionId\":\"session_1\",\"fileName\":\"a.csv\",\"type\":\"input\"}")],
            file: ("file", "a.csv", Array((["UTC;value"] + rows).joined(separator: "\n").utf8)))
        let uploaded = await app.call("POST", "/v1/training/instant-upload", body: upload, token: owner.token)
        guard uploaded.status == 201 else { throw UnexpectedResponse(uploaded) }
        try await post("/v1/files/write", ["path": "folder/notes.txt", "content": "Notes"])
    }

    /// The local model of a development system answers.
    private func addConversation() async throws {
        let session = try await post("/v1/sessions", ["name": "First"])["id"] ?? .null
        try await post(
            "/v1/chat/completions",
            [
                "messages": [["role": "user", "content": "Quotes ' \" \\ and a line\nbreak"]], "max_tokens": 100,
                "session_id": session,
            ])
    }

    private func addEvent(_ administrator: TestPerson) async throws {
        let organizer = try await app.register("organizer", role: "organizer")
        let host = try await app.register("host", role: "venue_owner")
        let venue =
            try await post(
                "/api/venues",
                ["name": "Garden Hall", "city": "Berlin", "capacity": 120, "price": 1999.99, "venue_type": "hall"],
                as: host)["data"]?["id"] ?? .null
        try await post("/v1/admin/vendors/\(venue.string ?? "")/approve", [:], as: administrator)
        let event =
            try await post(
                "/api/events", ["event_type": "wedding", "guest_count": 80, "budget": 20000, "date": "2026-06-20"],
                as: organizer)["data"]?["id"] ?? .null
        try await post("/api/bookings/book-venue", ["event_id": event, "venue_id": venue], as: organizer)
    }

    /// An invoice and the credit note that corrects it, a coupon and access codes.
    private func addMoney(_ administrator: TestPerson) async throws {
        guard let currency = Currency("usd"), let organisation = ID<Organisation>(owner.organisation) else { return }
        let invoice = NewInvoice(
            source: "sample:1", organisation: organisation, paid: Money(1_190, currency),
            lines: [
                InvoiceLine(
                    "Professional, monthly", unitAmount: 1_000,
                    taxes: [TaxRate("VAT", millionths: 190_000, isInclusive: false)])
            ],
            paymentMethod: "Card")
        try await app.app.database.write { [invoices = app.app.billing.invoices] transaction in
            let issued = try invoices.issue(invoice, in: transaction)
            _ = try invoices.issue(
                NewCreditNote(
                    source: "sample:2", invoice: issued.id, amount: Money(590, currency), reason: "cancelled"),
                in: transaction)
        }
        try await post(
            "/v1/admin/coupons", ["code": "spring-26", "percent": 12.5, "duration": "once"], as: administrator)
        try await post("/v1/admin/access-codes", ["plan": "professional"], as: administrator)
    }

    /// - Throws: ``UnexpectedResponse`` for a refusal.
    @discardableResult
    private func post(_ path: String, _ json: JSONValue, as person: TestPerson? = nil) async throws -> JSONValue {
        let response = await app.call("POST", path, json: json, token: (person ?? owner).token)
        guard response.status < 300 else { throw UnexpectedResponse(response) }
        return response.json
    }
}
