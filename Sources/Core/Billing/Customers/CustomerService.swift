package import Identity
package import Modules
import Stripe

/// The customers of organisations at the provider: one for each organisation, made when it is needed.
package final class CustomerService: Sendable {
    private static let creation = ProviderPurpose("customer.create")
    private static let deletion = ProviderPurpose("customer.delete")
    /// The member of a customer's metadata that names its row here.
    private static let metadataName = "gatehouse_customer"

    private let database: any Database
    private let calls: ProviderCallService
    private let runtime: Runtime

    init(database: any Database, calls: ProviderCallService, events: ProviderEventService, runtime: Runtime) {
        self.database = database
        self.calls = calls
        self.runtime = runtime
        calls.register(Self.creation, reconciling: Self.find) { call, outcome, transaction in
            guard let id = ID<BillingCustomer>(call.subject) else { return }
            if case .done(let value) = outcome, let providerID = value["id"]?.string {
                try transaction.setCustomerID(providerID, of: id)
            } else {
                // The next request makes one under another key.
                try transaction.deleteCustomer(id)
            }
        }
        // A customer that is not there any more is as good as deleted.
        calls.register(Self.deletion) { _, _, _ in }
        events.register(.customer) { object, transaction in
            guard object.isDeleted, let customer = try transaction.billingCustomer(ofProviderID: object.id) else {
                return .ignored
            }
            try transaction.deleteCustomer(customer.id)
            return .applied
        }
    }

    /// The organisation's customer; made at the provider where there is none. It has the address of an owner.
    /// - Throws: `not-configured`; `payment-refused`; `provider-unavailable` where its making is not known to have
    ///   succeeded in time: a repeat continues with the same one.
    package func require(for scope: Scope) async throws(Problem) -> BillingCustomer {
        let key = try await database.write { [self] transaction in
            try transaction.requireCaller(scope)
            return try begin(scope.organisation, in: transaction)
        }
        switch key {
        case .found(let customer): return customer
        case .making(let key):
            switch try await calls.send(key: key) {
            case .refused(let refusal): throw Problem(.paymentRefused, detail: refusal.message)
            case .done, nil: break
            }
        }
        guard let customer = try await database.read({ try $0.billingCustomer(of: scope.organisation) }) else {
            throw Problem(.providerUnavailable, headers: ["Retry-After": "5"])
        }
        return customer
    }

    private enum Beginning: Sendable {
        case found(BillingCustomer)
        case making(key: String)
    }

    private func begin(_ organisation: ID<Organisation>, in transaction: Transaction) throws -> Beginning {
        let (id, customer) = try transaction.customerRow(of: organisation, orInsertAs: runtime.id())
        if let customer { return .found(customer) }
        let key = "customer:\(id):create"
        let owner = try Contact.owners(of: organisation, in: transaction).first
        try calls.enqueue(
            ProviderCall(
                id: runtime.id(), purpose: Self.creation, subject: id.text, organisation: organisation, key: key,
                request: .createCustomer(
                    email: owner?.email, name: owner?.name, metadata: [Self.metadataName: id.text])),
            in: transaction)
        return .making(key: key)
    }

    /// - Returns: nil where the organisation has none.
    package func customer(of organisation: ID<Organisation>, in transaction: Transaction) throws -> BillingCustomer? {
        try transaction.billingCustomer(of: organisation)
    }

    /// - Returns: nil for an unknown customer.
    package func organisation(ofCustomer providerID: String, in transaction: Transaction) throws -> ID<Organisation>? {
        try transaction.billingCustomer(ofProviderID: providerID)?.organisation
    }

    /// Deletes an organisation's customer, here and at the provider, with the subscriptions that it has there.
    func delete(of organisation: ID<Organisation>, in transaction: Transaction) throws {
        guard let customer = try transaction.billingCustomer(of: organisation) else { return }
        if calls.client != nil {
            try calls.enqueue(
                ProviderCall(
                    id: runtime.id(), purpose: Self.deletion, subject: customer.id.text, organisation: nil,
                    key: "customer:\(customer.id):delete", request: .deleteCustomer(customer.providerID)),
                in: transaction)
        }
    }

    private static func find(_ call: ProviderCall, _ client: StripeClient) async -> ProviderCallService.Finding {
        let email = call.request.form.fields.first { $0.name == "email" }?.value
        return await .search(client, metadata: metadataName, call.subject) { .customers(email: email, page: $0) }
    }
}
