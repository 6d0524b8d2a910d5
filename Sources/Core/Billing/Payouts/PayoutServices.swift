import Audit
import Identity
import Modules

/// The services of money that leaves the platform, wired: payouts, the accounts that they go to, disputes and the
/// comparison with the provider.
struct PayoutServices {
    let payouts: PayoutService
    let accounts: ConnectedAccountService
    let disputes: DisputeService
    let finance: FinanceService
    private let administration: PayoutAdministrationService
    private let bankPayouts: BankPayoutService
    private let reconciliation: ReconciliationService
    private let remainders: PayoutRemainderService
    private let identity: IdentityModule

    init(
        database: any Database, identity: IdentityModule, calls: ProviderCallService, events: ProviderEventService,
        payments: PaymentService, money: MoneyLedgerService, audit: AuditService, queue: JobQueue, frontend: String,
        logger: Logger, runtime: Runtime
    ) {
        self.identity = identity
        payouts = PayoutService(
            database: database, calls: calls, money: money, audit: audit, queue: queue, runtime: runtime)
        remainders = PayoutRemainderService(database: database, calls: calls, payouts: payouts, money: money)
        accounts = ConnectedAccountService(
            database: database, calls: calls, events: events, audit: audit, frontend: frontend, runtime: runtime)
        disputes = DisputeService(
            database: database, events: events, payments: payments, money: money, audit: audit, runtime: runtime)
        finance = FinanceService()
        administration = PayoutAdministrationService(database: database, payouts: payouts)
        bankPayouts = BankPayoutService(
            database: database, calls: calls, events: events, payouts: payouts, queue: queue)
        reconciliation = ReconciliationService(
            database: database, calls: calls, money: money, audit: audit, logger: logger, runtime: runtime)
    }

    var routes: [Route] {
        PayoutRoutes(identity: identity, payouts: administration).routes
            + ConnectedAccountRoutes(identity: identity, accounts: accounts).routes
            + DisputeRoutes(identity: identity, disputes: disputes).routes
            + ReconciliationRoutes(identity: identity, reconciliation: reconciliation).routes
    }
    var workers: [Worker] {
        [
            SendPayoutJob.worker(payouts), ApplyBankPayoutJob.worker(bankPayouts),
            ReconcileBalanceJob.worker(reconciliation), PayRemaindersJob.worker(remainders),
        ]
    }
    var schedules: [Schedule] { [ReconcileBalanceJob.schedule, PayRemaindersJob.schedule] }

    static let migrations =
        FinanceSchema.migrations + PayoutSchema.migrations + DisputeSchema.migrations + ReconciliationSchema.migrations
    static let invariants =
        PayoutInvariants.all + FinanceInvariants.all + DisputeInvariants.all
    static let personalDataTables = PayoutPersonalData.tables
}
