import App
import Billing
import Foundation
import Identity
import Modules
import TestStripe

/// The system of the processes of the proof of payouts: a shared database, the double of the provider, and a clock with
/// an offset, which is the database's too.
struct PayoutServer {
    let app: App
    let clock: OffsetClock
    let folder: String

    /// - Parameters:
    ///   - folder: of the secrets of all processes.
    ///   - database: the value of `DATABASE_URL`.
    ///   - provider: the double.
    init(
        folder: String, database: String, provider: BenchProvider,
        databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 }
    ) async throws {
        self.folder = folder
        var configuration = Configuration()
        configuration.dataFolder = folder
        configuration.databaseURL = database
        configuration.bcryptRounds = 4
        configuration.limitsRates = false
        configuration.poolSize = 12
        configuration.poolOverflow = 0
        configuration.poolTimeout = .seconds(60)
        configuration.logLevel = .critical
        provider.configure(&configuration)
        let clock = OffsetClock()
        self.clock = clock
        app = try await buildApp(
            configuration,
            in: AppDependencies(
                runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes), clock: { clock.now },
                databaseWrapper: databaseWrapper))
        app.billing.payments.register(PayoutPlan.paymentPurpose, to: .held) { _, _ in }
    }

    /// Registers payers and payees, connects the payees' accounts and has the payers pay.
    /// - Parameter isRestricted: whether the provider refuses transfers to one of the accounts.
    func prepare(_ count: Int, _ stripe: TestStripeServer, isRestricted: Bool) async throws -> PayoutPlan {
        var organisations: [ID<Organisation>] = []
        for number in 0..<(2 * PayoutPlan.accounts) {
            let account = try await app.post(
                "/v1/auth/register",
                ["email": .string(Accounts.email(number)), "password": .string(Accounts.password)])
            if let organisation = account["user"]?["organisation_id"]?.string.flatMap({ ID<Organisation>($0) }) {
                organisations.append(organisation)
            }
        }
        let plan = PayoutPlan(
            count: count, payers: Array(organisations.prefix(PayoutPlan.accounts)),
            payees: Array(organisations.suffix(PayoutPlan.accounts)))
        for payee in plan.payees {
            let account = stripe.makeAccount()
            try await app.database.write {
                try $0.execute(
                    """
                    INSERT INTO connected_accounts (
                        organisation_id, provider_id, generation, details_submitted, transfers_active, payouts_enabled,
                        is_suspended, created_at, updated_at
                    )
                    VALUES (\(payee), \(account), 1, 1, 1, 1, 0, \($0.now), \($0.now))
                    """
                )
            }
            if isRestricted, payee == plan.payees.last { stripe.restrict(account) }
        }
        for currency in PayoutPlan.currencies {
            for payer in plan.payers {
                let amount = Money(Int64(count) * 6_000, currency)
                stripe.addFunds(amount)
                try await app.database.write { [billing = app.billing] transaction in
                    _ = try billing.payments.record(
                        ReceivedPayment(
                            NewPayment(
                                organisation: payer, person: nil, purpose: PayoutPlan.paymentPurpose,
                                subject: "\(payer):\(currency.code)", amount: amount, description: "proof"),
                            by: .upi, providerID: "\(payer):\(currency.code)", receivedAt: transaction.now),
                        in: transaction)
                }
            }
        }
        try (organisations.map(\.text) + ["\(count)"]).joined(separator: "\n")
            .write(toFile: planFile, atomically: true, encoding: .utf8)
        return plan
    }

    /// The plan that another process has prepared.
    func plan() throws -> PayoutPlan {
        let lines = try String(contentsOfFile: planFile, encoding: .utf8).split(separator: "\n").map(String.init)
        let organisations = lines.dropLast().compactMap { ID<Organisation>($0) }
        return PayoutPlan(
            count: lines.last.flatMap { Int($0) } ?? 0, payers: Array(organisations.prefix(PayoutPlan.accounts)),
            payees: Array(organisations.suffix(PayoutPlan.accounts)))
    }

    private var planFile: String { "\(folder)/payouts" }
}
