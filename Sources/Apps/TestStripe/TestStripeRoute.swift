import Base

/// What a route's handler gets.
struct TestStripeCall {
    /// The ids in the path.
    let ids: [String]
    let form: TestStripeForm
    let account: String?

    var id: String { ids[0] }
}

/// An endpoint of Stripe's API.
struct TestStripeRoute: Sendable {
    typealias Handle =
        @Sendable (inout TestStripeState, TestStripeCall) throws(TestStripeError) -> JSONValue

    let method: String
    /// Such as `/v1/customers/{id}`.
    let path: String
    private let pattern: [String]
    /// What it accepts beside `expand`. Another parameter is refused, as Stripe does.
    let parameters: Set<String>
    let handle: Handle

    private init(_ method: String, _ path: String, _ parameters: String = "", _ handle: @escaping Handle) {
        self.method = method
        self.path = path
        pattern = path.split(separator: "/").map(String.init)
        self.parameters = Set(parameters.split(separator: " ").map(String.init))
        self.handle = handle
    }

    static func find(_ request: TestStripeRequest) -> (TestStripeRoute, [String])? {
        for route in byCount[request.segments.count] ?? [] where route.method == request.method {
            if let ids = route.ids(in: request.segments) { return (route, ids) }
        }
        return nil
    }

    private func ids(in segments: [String]) -> [String]? {
        var ids: [String] = []
        for (part, segment) in zip(pattern, segments) {
            if part == "{id}" { ids.append(segment) } else if part != segment { return nil }
        }
        return ids
    }

    private static let byCount = Dictionary(grouping: all) { $0.pattern.count }

    private static let page = "limit starting_after ending_before created"

    private static func read(_ path: String, _ type: String) -> TestStripeRoute {
        TestStripeRoute("GET", "\(path)/{id}") { state, call throws(TestStripeError) in
            .object(try state.find(type, call.id))
        }
    }

    /// - Parameter filters: members of the objects that a parameter of the same name selects.
    private static func list(_ path: String, _ type: String, _ filters: String = "") -> TestStripeRoute {
        let filters = filters.split(separator: " ").map(String.init)
        return TestStripeRoute("GET", path, "\(page) \(filters.joined(separator: " "))") {
            state, call throws(TestStripeError) in
            try state.list(type, path, call.form, filters)
        }
    }

    /// Paths without ids come before those with one.
    private static let all: [TestStripeRoute] = [
        .init("POST", "/v1/customers", "email name payment_method metadata invoice_settings description") {
            state, call throws(TestStripeError) in try state.createCustomer(call.form)
        },
        .init("POST", "/v1/customers/{id}", "email name metadata invoice_settings description") {
            state, call throws(TestStripeError) in try state.updateCustomer(call.id, call.form)
        },
        .init("DELETE", "/v1/customers/{id}") { state, call throws(TestStripeError) in
            try state.deleteCustomer(call.id)
        },
        read("/v1/customers", "customer"), list("/v1/customers", "customer", "email"),

        .init("POST", "/v1/products", "id name metadata description") { state, call throws(TestStripeError) in
            try state.createProduct(call.form)
        },
        read("/v1/products", "product"),
        .init(
            "POST", "/v1/prices",
            "product unit_amount currency recurring lookup_key transfer_lookup_key tax_behavior metadata"
        ) { state, call throws(TestStripeError) in try state.createPrice(call.form) },
        .init("POST", "/v1/prices/{id}", "active metadata") { state, call throws(TestStripeError) in
            try state.updatePrice(call.id, call.form)
        },
        read("/v1/prices", "price"),
        .init("GET", "/v1/prices", "\(page) lookup_keys product active") { state, call throws(TestStripeError) in
            try state.listPrices(call.form)
        },
        .init(
            "POST", "/v1/coupons", "id percent_off amount_off currency duration duration_in_months name metadata"
        ) { state, call throws(TestStripeError) in try state.createCoupon(call.form) },
        .init("DELETE", "/v1/coupons/{id}") { state, call throws(TestStripeError) in
            try state.deleteCoupon(call.id)
        },
        read("/v1/coupons", "coupon"),
        .init("POST", "/v1/tax_rates", "display_name percentage inclusive country metadata") {
            state, call throws(TestStripeError) in try state.createTaxRate(call.form)
        },
        read("/v1/tax_rates", "tax_rate"),

        .init("POST", "/v1/payment_methods", "type card") { state, call throws(TestStripeError) in
            try state.createPaymentMethod(call.form)
        },
        .init("POST", "/v1/payment_methods/{id}/attach", "customer") { state, call throws(TestStripeError) in
            try state.attachPaymentMethod(call.id, call.form)
        },
        .init("POST", "/v1/payment_methods/{id}/detach") { state, call throws(TestStripeError) in
            try state.detachPaymentMethod(call.id)
        },
        read("/v1/payment_methods", "payment_method"),
        list("/v1/payment_methods", "payment_method", "customer type"),
        .init("POST", "/v1/setup_intents", "customer usage automatic_payment_methods metadata") {
            state, call throws(TestStripeError) in try state.createSetupIntent(call.form)
        },
        .init("POST", "/v1/setup_intents/{id}/confirm", "payment_method return_url") {
            state, call throws(TestStripeError) in try state.confirmSetupIntent(call.id, call.form)
        },
        .init("POST", "/v1/setup_intents/{id}/cancel") { state, call throws(TestStripeError) in
            try state.cancelSetupIntent(call.id)
        },
        read("/v1/setup_intents", "setup_intent"),

        .init(
            "POST", "/v1/payment_intents",
            "amount currency customer description automatic_payment_methods payment_method confirm off_session "
                + "capture_method setup_future_usage receipt_email transfer_group return_url metadata"
        ) { state, call throws(TestStripeError) in try state.createPaymentIntent(call.form) },
        .init("POST", "/v1/payment_intents/{id}/confirm", "payment_method off_session return_url") {
            state, call throws(TestStripeError) in try state.confirmPaymentIntent(call.id, call.form)
        },
        .init("POST", "/v1/payment_intents/{id}/capture", "amount_to_capture") {
            state, call throws(TestStripeError) in try state.capturePaymentIntent(call.id, call.form)
        },
        .init("POST", "/v1/payment_intents/{id}/cancel", "cancellation_reason") {
            state, call throws(TestStripeError) in try state.cancelPaymentIntent(call.id, call.form)
        },
        read("/v1/payment_intents", "payment_intent"), list("/v1/payment_intents", "payment_intent", "customer"),
        read("/v1/charges", "charge"),
        list("/v1/charges", "charge", "customer payment_intent transfer_group"),
        .init("POST", "/v1/refunds", "payment_intent charge amount reason metadata") {
            state, call throws(TestStripeError) in try state.createRefund(call.form)
        },
        read("/v1/refunds", "refund"), list("/v1/refunds", "refund", "charge payment_intent"),
        .init("POST", "/v1/disputes/{id}/close") { state, call throws(TestStripeError) in
            try state.acceptDispute(call.id)
        },
        read("/v1/disputes", "dispute"), list("/v1/disputes", "dispute", "charge payment_intent"),

        .init(
            "POST", "/v1/checkout/sessions",
            "mode customer line_items success_url cancel_url client_reference_id discounts subscription_data "
                + "payment_intent_data expires_at locale metadata"
        ) { state, call throws(TestStripeError) in try state.createCheckout(call.form) },
        .init("POST", "/v1/checkout/sessions/{id}/expire") { state, call throws(TestStripeError) in
            try state.expireCheckoutNow(call.id)
        },
        read("/v1/checkout/sessions", "checkout.session"),
        list("/v1/checkout/sessions", "checkout.session", "customer payment_intent subscription status"),
        .init("POST", "/v1/billing_portal/sessions", "customer return_url locale") {
            state, call throws(TestStripeError) in try state.createPortal(call.form)
        },

        .init(
            "POST", "/v1/subscriptions",
            "customer items default_payment_method payment_behavior payment_settings discounts default_tax_rates "
                + "trial_end trial_period_days trial_settings off_session metadata"
        ) { state, call throws(TestStripeError) in try state.createSubscription(call.form) },
        .init(
            "POST", "/v1/subscriptions/{id}",
            "items proration_behavior payment_behavior proration_date billing_cycle_anchor cancel_at_period_end "
                + "cancel_at default_payment_method discounts trial_end pause_collection metadata off_session"
        ) { state, call throws(TestStripeError) in try state.updateSubscription(call.id, call.form) },
        .init("POST", "/v1/subscriptions/{id}/resume", "billing_cycle_anchor proration_behavior") {
            state, call throws(TestStripeError) in try state.resumeSubscription(call.id)
        },
        .init("DELETE", "/v1/subscriptions/{id}", "invoice_now prorate cancellation_details") {
            state, call throws(TestStripeError) in try state.cancelSubscription(call.id, call.form)
        },
        read("/v1/subscriptions", "subscription"),
        .init("GET", "/v1/subscriptions", "\(page) customer status") { state, call throws(TestStripeError) in
            try state.listSubscriptions(call.form)
        },
        .init("POST", "/v1/invoices/create_preview", "customer subscription subscription_details") {
            state, call throws(TestStripeError) in try state.previewInvoice(call.form)
        },
        .init("POST", "/v1/invoices/{id}/pay", "payment_method off_session") { state, call throws(TestStripeError) in
            try state.payInvoice(call.id, call.form)
        },
        .init("POST", "/v1/invoices/{id}/void") { state, call throws(TestStripeError) in
            try state.voidInvoice(call.id)
        },
        .init("POST", "/v1/invoices/{id}/finalize") { state, call throws(TestStripeError) in
            try state.finalizeInvoice(call.id)
        },
        read("/v1/invoices", "invoice"),
        .init("GET", "/v1/invoices", "\(page) customer subscription status") { state, call throws(TestStripeError) in
            try state.listInvoices(call.form)
        },
        .init("GET", "/v1/invoice_payments", "\(page) invoice payment status") { state, call throws(TestStripeError) in
            try state.listInvoicePayments(call.form)
        },

        .init("POST", "/v1/accounts", "email country controller capabilities metadata") {
            state, call throws(TestStripeError) in try state.createAccount(call.form)
        },
        .init("DELETE", "/v1/accounts/{id}") { state, call throws(TestStripeError) in
            try state.deleteAccount(call.id)
        },
        .init("POST", "/v1/accounts/{id}/login_links") { state, call throws(TestStripeError) in
            try state.createLoginLink(call.id)
        },
        read("/v1/accounts", "account"),
        .init("POST", "/v1/account_links", "account refresh_url return_url type collection_options") {
            state, call throws(TestStripeError) in try state.createAccountLink(call.form)
        },
        .init(
            "POST", "/v1/transfers",
            "amount currency destination transfer_group source_transaction description metadata"
        ) { state, call throws(TestStripeError) in try state.createTransfer(call.form) },
        .init("POST", "/v1/transfers/{id}/reversals", "amount metadata description") {
            state, call throws(TestStripeError) in try state.reverseTransfer(call.id, call.form)
        },
        .init("GET", "/v1/transfers/{id}/reversals", page) { state, call throws(TestStripeError) in
            try state.listReversals(of: call.id, call.form)
        },
        read("/v1/transfers", "transfer"), list("/v1/transfers", "transfer", "transfer_group destination"),
        .init("GET", "/v1/payouts/{id}") { state, call throws(TestStripeError) in
            try state.payout(call.id, of: call.account)
        },
        .init("GET", "/v1/payouts", "\(page) status") { state, call throws(TestStripeError) in
            try state.listPayouts(of: call.account, call.form)
        },
        .init("GET", "/v1/balance") { state, call throws(TestStripeError) in
            state.balance(of: call.account)
        },
        read("/v1/balance_transactions", "balance_transaction"),
        .init("GET", "/v1/balance_transactions", "\(page) type source currency payout") {
            state, call throws(TestStripeError) in try state.listBalanceTransactions(of: call.account, call.form)
        },
        read("/v1/events", "event"),
        .init("GET", "/v1/events", "\(page) types type") { state, call throws(TestStripeError) in
            try state.listEvents(call.form)
        },
    ]
}

extension TestStripeState {
    func list(_ type: String, _ path: String, _ form: TestStripeForm, _ filters: [String])
        throws(TestStripeError) -> JSONValue
    {
        try list(type, path, form, where: Dictionary(uniqueKeysWithValues: filters.map { ($0, form.text($0)) }))
    }

    func list(
        _ type: String, _ path: String, _ form: TestStripeForm, where filter: [String: String?] = [:],
        _ isIncluded: (Members) -> Bool = { _ in true }
    ) throws(TestStripeError) -> JSONValue {
        let page = try (tables[type] ?? TestStripeTable()).page(form, where: filter, isIncluded)
        return .list(page.objects.map { .object($0) }, url: path, hasMore: page.hasMore)
    }
}
