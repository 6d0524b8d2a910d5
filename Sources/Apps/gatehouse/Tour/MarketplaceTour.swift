import App
import Client
import Identity
import Modules
import TestStripe

/// The requests of the tour of Marketplace: from a booking to its payment, with a double of the payment provider.
struct MarketplaceTour: Sendable {
    let runner: TourRunner
    /// Sends requests without a credential.
    let anonymous: Client
    /// Creates the administrator and verifies addresses, which no endpoint does without a mail.
    let app: App
    let stripe: TestStripeServer

    private static let password = "a-long-and-winding-road"

    /// The accounts of the tour.
    private struct Cast {
        let organizer: TourAccount
        let host: TourAccount
        let provider: TourAccount
        let administrator: Client
    }

    func run() async throws {
        runner.section("An organizer, a venue owner, a service provider and an administrator")
        let cast = Cast(
            organizer: try await register("organizer"), host: try await register("venue_owner"),
            provider: try await register("service_provider"), administrator: try await administrator())

        runner.section("Vendors offer a venue and catering; the administrator approves them")
        let (venue, provider) = try await offer(cast)

        runner.section("The organizer books both for 80 guests; prices are those of the vendors")
        let event = try await createEvent(cast.organizer)
        let (hall, food) = try await book(event, venue: venue, provider: provider, cast)

        runner.section("The organizer pays the whole; the money is held")
        try await pay(event, cast)

        runner.section("The provider completes its service, and is paid once")
        try await complete(food, cast)
        try await onboard(cast.provider)
        try await release(food, cast)

        runner.section("The venue's service is disputed; the administrator returns its price")
        try await dispute(hall, cast)

        runner.section("The ledger")
        try await showLedger(event, cast)
    }

    // MARK: Accounts

    private func register(_ role: String) async throws -> TourAccount {
        let email = "\(role)@example.org"
        let response = try await runner.step(
            .post, "/v1/auth/register", by: anonymous,
            body: .json(["email": .string(email), "password": .string(Self.password), "role": .string(role)]),
            expect: .created, "\(email) is registered")
        let id = try response.at("user", "id").string ?? ""
        try await app.database.write {
            try $0.execute("UPDATE people SET email_verified_at = \($0.now) WHERE id = \(id)")
        }
        return TourAccount(id: id, client: anonymous.signedIn(with: try response.text(at: "access_token")))
    }

    private func administrator() async throws -> Client {
        let email = "admin@example.org"
        _ = try await app.identity.registration.createAdministrator(email: email, password: Self.password)
        runner.note("(on the server: gatehouse admin create --email \(email), and the addresses count as verified)")
        let response = try await runner.step(
            .post, "/v1/auth/login", by: anonymous,
            body: .json(["email": .string(email), "password": .string(Self.password)]), expect: .ok,
            "signed in as an administrator")
        return anonymous.signedIn(with: try response.text(at: "access_token"))
    }

    // MARK: Booking

    private func create(_ resource: String, _ body: JSONValue, by account: TourAccount, _ description: String)
        async throws -> String
    {
        try await runner.step(
            .post, "/api/\(resource)", by: account.client, body: .json(body), expect: .created, description
        ).at("data", "id").string ?? ""
    }

    private func offer(_ cast: Cast) async throws -> (venue: String, provider: String) {
        let venue = try await create(
            "venues", ["name": "Garden Hall", "city": "Berlin", "capacity": 120, "price": 1999.99], by: cast.host,
            "Garden Hall: up to 120 guests, 1,999.99 USD")
        let provider = try await create(
            "service-providers", ["business_name": "Good Food", "location_city": "Berlin"], by: cast.provider,
            "Good Food waits for approval")
        let service = try await create(
            "services", ["name": "Catering", "category": "food"], by: cast.provider, "a service of the catalogue")
        _ = try await create(
            "service-provider-services", ["service_id": .string(service), "price": 40.5, "price_unit": "guest"],
            by: cast.provider, "Good Food caters for 40.50 USD a guest")
        for vendor in [venue, provider] {
            try await runner.step(
                .post, "/v1/admin/vendors/\(vendor)/approve", by: cast.administrator, body: .json([:]),
                expect: .ok(["status": "approved"]), "approved")
        }
        return (venue, provider)
    }

    private func createEvent(_ organizer: TourAccount) async throws -> String {
        try await create(
            "events", ["event_type": "wedding", "guest_count": 80, "budget": 20000, "date": "2032-06-20"],
            by: organizer, "a wedding, in planning")
    }

    private func book(_ event: String, venue: String, provider: String, _ cast: Cast) async throws -> (
        hall: String, food: String
    ) {
        let hall = try await runner.step(
            .post, "/api/bookings/book-venue", by: cast.organizer.client,
            body: .json(["event_id": .string(event), "venue_id": .string(venue)]), expect: .ok
        ) { try "the hall costs \($0.at("agreed_price").text) USD" }.text(at: "event_service_id")
        try await runner.step(
            .post, "/api/bookings/book-service", by: cast.organizer.client,
            body: .json(["event_id": .string(event), "provider_id": .string(provider), "agreed_price": 1]),
            expect: .refused(409, "amount-mismatch", "The amount is not the one to be paid", andMore: true),
            "for 1 USD: refused")
        let food = try await runner.step(
            .post, "/api/bookings/book-service", by: cast.organizer.client,
            body: .json(["event_id": .string(event), "provider_id": .string(provider)]), expect: .ok
        ) { try "the catering costs \($0.at("agreed_price").text) USD" }.text(at: "event_service_id")
        try await runner.step(
            .post, "/api/bookings/accept/\(hall)", by: cast.host.client, body: .json([:]),
            expect: .ok(["event_status": "confirmed"]), "the venue's owner accepts: the event is confirmed")
        return (hall, food)
    }

    // MARK: Payment

    private func pay(_ event: String, _ cast: Cast) async throws {
        let created = try await runner.step(
            .post, "/api/payments/create-intent", by: cast.organizer.client,
            body: .json(["event_id": .string(event)]), expect: .ok
        ) { try "\($0.at("amount").text) USD are to be paid" }
        let intent = try created.text(at: "payment_intent_id")
        let confirmation = ClientBody.json(["payment_intent_id": .string(intent)])
        try await runner.step(
            .post, "/api/payments/confirm", by: cast.organizer.client, body: confirmation,
            expect: .refused(409, "payment-incomplete", "The payment is not completed", andMore: true),
            "the provider says that it is not paid")
        try stripe.pay(intent)
        runner.note("(at the provider: the organizer pays by card)")
        try await runner.step(
            .post, "/api/payments/confirm", by: cast.organizer.client, body: confirmation,
            expect: .ok(["status": "completed"]), "the provider says that it is paid")
    }

    private func complete(_ food: String, _ cast: Cast) async throws {
        try await runner.step(
            .post, "/api/payments/release/\(food)", by: cast.organizer.client,
            expect: .refused(
                409, "service-not-completed", "Service must be completed before payment release", andMore: true),
            "before its completion")
        try await runner.step(
            .post, "/api/bookings/complete-service/\(food)", by: cast.provider.client,
            body: .json(["photos": ["https://example.org/buffet.jpg"], "notes": "All done."]),
            expect: .ok(["status": "completed"]), "the provider hands in the proof")
        try await runner.step(
            .post, "/api/payments/release/\(food)", by: cast.organizer.client,
            expect: .refused(
                409, "onboarding-required", "Provider onboarding required", ["onboarding_required": true],
                andMore: true), "the provider has no account to be paid to")
    }

    private func onboard(_ provider: TourAccount) async throws {
        let link = try await runner.step(
            .post, "/v1/payout-account/onboarding", by: provider.client, body: .json(["country": "US"]), expect: .ok,
            "the link of the provider's forms")
        stripe.onboard(try link.text(at: "account_id"))
        runner.note("(at the provider: the forms are filled in)")
        try await runner.step(
            .post, "/v1/payout-account/refresh", by: provider.client, expect: .ok(["can_be_paid": true]),
            "the account can be paid")
    }

    private func release(_ food: String, _ cast: Cast) async throws {
        try await runner.step(
            .post, "/api/bookings/approve-completion/\(food)", by: cast.provider.client,
            expect: .refused(403, "not-the-owner", "This belongs to another account", andMore: true),
            "the provider cannot approve its own work")
        let released = try await runner.step(
            .post, "/api/bookings/approve-completion/\(food)", by: cast.organizer.client,
            expect: .ok(["already_released": false])
        ) { try "\($0.at("payout_amount").text) USD to the provider, \($0.at("commission").text) USD commission" }
        try await runner.step(
            .post, "/api/payments/release/\(food)", by: cast.organizer.client,
            expect: .ok(["already_released": true, "transfer_id": try released.at("transfer_id")]),
            "the same transfer: it is paid once")
    }

    private func dispute(_ hall: String, _ cast: Cast) async throws {
        try await runner.step(
            .post, "/api/bookings/complete-service/\(hall)", by: cast.host.client, body: .json([:]),
            expect: .ok(["status": "completed"]), "the venue's owner hands in the proof")
        let dispute = try await runner.step(
            .post, "/api/bookings/dispute/\(hall)", by: cast.organizer.client,
            body: .json(["reason": "The hall was locked."]), expect: .ok(["status": "disputed"]),
            "the organizer disputes it"
        ).text(at: "dispute_id")
        try await runner.step(
            .post, "/v1/admin/disputes/\(dispute)/resolve", by: cast.administrator,
            body: .json(["resolution": "The hall was locked indeed.", "release_funds": false]),
            expect: .ok(["service_status": "cancelled"])
        ) { try "\($0.at("refund_amount_minor").text) cents go back to the organizer" }
    }

    // MARK: Ledger

    private func showLedger(_ event: String, _ cast: Cast) async throws {
        try await runner.step(.get, "/v1/admin/finance/overview", by: cast.administrator, expect: .ok) { overview in
            let usd = overview["currencies"]?[0]
            func amount(_ name: String) -> String { usd?[name]?.text ?? "?" }
            return "USD: received \(amount("total_revenue")), commission \(amount("total_commissions")), "
                + "transferred \(amount("total_payouts")), refunded \(amount("total_refunds"))"
        }
        let accounts = try await app.database.read { transaction in
            try transaction.all(
                "SELECT name, balance FROM ledger_accounts WHERE unit = 'usd' AND balance <> 0 ORDER BY balance"
            ) { row -> (name: String, balance: Int64) in (try row["name"], try row["balance"]) }
        }
        for (name, balance) in accounts {
            runner.note("\(Text.padded(name, to: 14)) \(Text.rightAligned("\(balance)", to: 10)) cents")
        }
        let sum = accounts.map(\.balance).reduce(0, +)
        runner.note("\(Text.padded("all accounts", to: 14)) \(Text.rightAligned("\(sum)", to: 10)) cents")
        guard sum == 0 else { throw Failure("the ledger\n  expected  a sum of 0\n  got       \(sum)") }
    }
}
