package import Base
package import Stripe

/// What happens at Stripe without a request of Gatehouse: what customers, owners of accounts, banks and Stripe do.
extension TestStripeServer {
    /// Why something cannot be done, such as `card_declined`.
    package struct Refusal: Error, Sendable, Hashable {
        package let code: String?
        package let message: String
    }

    private func change<Result>(_ body: (inout TestStripeState) throws(TestStripeError) -> Result) throws(Refusal)
        -> Result
    {
        let result: Swift.Result<Result, Refusal> = control { state in
            do throws(TestStripeError) { return .success(try body(&state)) } catch {
                return .failure(Refusal(code: error.code, message: error.message))
            }
        }
        return try result.get()
    }

    // MARK: Customers

    /// A customer pays on the page of a payment intent, by its client secret.
    /// - Parameter method: a payment method, or one of Stripe's test cards such as `pm_card_chargeDeclined`.
    package func pay(_ paymentIntent: String, with method: String = "pm_card_visa") throws(Refusal) {
        try change { state throws(TestStripeError) in
            let form = try TestStripeForm([("payment_method", method)])
            _ = try state.confirmPaymentIntent(paymentIntent, form)
        }
    }

    /// A customer does what `requires_action` asks for.
    package func authenticate(_ paymentIntent: String, succeeds: Bool = true) throws(Refusal) {
        try change { state throws(TestStripeError) in
            guard try state.find("payment_intent", paymentIntent).string("status") == "requires_action" else {
                throw .refused("Nothing is to be done.")
            }
            if succeeds {
                try state.confirm(paymentIntent, isOffSession: false, hasAuthenticated: true)
            } else {
                state.declinePayment(
                    paymentIntent,
                    TestStripeDecline(
                        code: "payment_intent_authentication_failure", declineCode: nil,
                        message: "The provided PaymentMethod has failed authentication."))
            }
        }
    }

    /// A bank debit that `pm_usBankAccount` began is processed.
    package func finishProcessing(of paymentIntent: String, succeeds: Bool) {
        control { $0.finishProcessing(of: paymentIntent, succeeds: succeeds) }
    }

    /// A customer pays the newest invoice of a subscription on its page.
    package func payLatestInvoice(of subscription: String, with method: String = "pm_card_visa") throws(Refusal) {
        try change { state throws(TestStripeError) in
            let invoice = try state.find("subscription", subscription).text("latest_invoice") ?? ""
            guard let intent = state.intent(ofInvoice: try state.find("invoice", invoice).id) else {
                throw .refused("There is nothing to pay.")
            }
            let form = try TestStripeForm([("payment_method", method)])
            _ = try state.confirmPaymentIntent(intent, form)
        }
    }

    package func completeSetup(_ setupIntent: String, with method: String = "pm_card_visa") throws(Refusal) {
        try change { state throws(TestStripeError) in
            _ = try state.confirmSetupIntent(setupIntent, TestStripeForm([("payment_method", method)]))
        }
    }

    /// A customer pays on the page of a Checkout session.
    package func completeCheckout(_ session: String, with method: String = "pm_card_visa") throws(Refusal) {
        try change { state throws(TestStripeError) in try state.completeCheckout(session, method: method) }
    }

    /// A payment method that is attached to no customer.
    package func makePaymentMethod(_ card: TestStripeCard = .succeeds) -> String {
        control { $0.insertPaymentMethod(card) }
    }

    /// Changes how the payment methods of a customer behave from now on.
    package func setCards(of customer: String, _ card: TestStripeCard) {
        control { state in
            for method in state.all("payment_method") where method.text("customer") == customer {
                state.cards[method.id] = card
            }
        }
    }

    // MARK: Banks

    /// - Parameter amount: in minor units; nil for all that is not refunded.
    /// - Returns: the id of the dispute.
    @discardableResult
    package func openDispute(paymentIntent: String, amount: Int64? = nil, reason: String = "fraudulent")
        throws(Refusal) -> String
    {
        try change { state throws(TestStripeError) in
            guard let charge = try state.find("payment_intent", paymentIntent).text("latest_charge") else {
                throw .refused("There is no charge.")
            }
            return state.openDispute(charge, amount: amount, reason: reason)
        }
    }

    package func closeDispute(_ id: String, isWon: Bool) { control { $0.closeDispute(id, isWon: isWon) } }

    /// A bank returns a refund that had succeeded.
    package func failRefund(_ id: String) { control { $0.failRefund(id) } }

    /// A refund that is made in the dashboard.
    /// - Returns: the id of the refund.
    @discardableResult
    package func refund(paymentIntent: String, amount: Int64? = nil) throws(Refusal) -> String {
        try change { state throws(TestStripeError) in
            guard let charge = try state.find("payment_intent", paymentIntent).text("latest_charge") else {
                throw .refused("There is no charge.")
            }
            return try state.refund(charge, amount: amount, reason: nil).id
        }
    }

    // MARK: Connected accounts

    /// The owner of an account has told what is required: it can receive transfers and payouts.
    package func onboard(_ account: String) { control { $0.setAccount(account, disabledReason: nil) } }

    /// Stripe restricts an account: it receives no transfers.
    package func restrict(_ account: String, reason: String = "rejected.fraud") {
        control { $0.setAccount(account, disabledReason: reason) }
    }

    /// An account that is onboarded, without a request for it.
    package func makeAccount() -> String {
        control { state in
            guard case .success(let account) = Result(catching: { try state.createAccount(TestStripeForm()) }),
                let id = account["id"]?.string
            else { preconditionFailure("an account cannot be made") }
            state.setAccount(id, disabledReason: nil)
            return id
        }
    }

    /// Money of an account leaves for its bank.
    /// - Returns: the id of the payout.
    @discardableResult
    package func payOut(_ amount: Money, of account: String) throws(Refusal) -> String {
        try change { state throws(TestStripeError) in
            try state.payOut(StripeAmount.units(of: amount), amount.currency.code, of: account)
        }
    }

    /// The bank accepts a payout, or returns it, also one that it had accepted.
    package func finishPayout(_ id: String, isPaid: Bool) { control { $0.finishPayout(id, isPaid: isPaid) } }

    /// A recurring price that is made in the dashboard, with a product of its own.
    /// - Parameter interval: `month` or `year`.
    package func makePrice(_ amount: Money, every interval: String = "month") -> String {
        control { state in
            let made = Result { () throws(TestStripeError) -> JSONValue in
                let product = try state.createProduct(TestStripeForm([("name", "made in the dashboard")]))
                return try state.createPrice(
                    TestStripeForm([
                        ("product", product["id"]?.string ?? ""), ("currency", amount.currency.code),
                        ("unit_amount", "\(StripeAmount.units(of: amount))"), ("recurring[interval]", interval),
                    ]))
            }
            guard case .success(let price) = made, let id = price["id"]?.string else {
                preconditionFailure("a price cannot be made")
            }
            return id
        }
    }

    // MARK: Balance

    /// Adds available money to the platform's balance, as a top-up.
    package func addFunds(_ amount: Money) {
        control { state in
            let units = StripeAmount.units(of: amount)
            let source = state.newID("tu")
            _ = state.move(units, amount.currency.code, type: "topup", category: "topup", source: source)
            state.count(amount.currency.code) { $0.added += units }
        }
    }

    /// What the server has done with money, by currency.
    package var totals: [String: TestStripeTotals] { control { $0.totals } }

    // MARK: Reading

    /// The objects of a type, from the oldest to the newest, without a request.
    /// - Parameter count: of the newest.
    package func objects<Object: StripeObject>(_: Object.Type = Object.self, newest count: Int = .max) -> [Object] {
        control { state in
            state.all(Object.object).suffix(count).filter { !$0.flag("deleted") }.map { members in
                do { return try Object(.object(members)) } catch {
                    preconditionFailure("the server made an object that cannot be read: \(error)")
                }
            }
        }
    }

    /// An object without a request; nil where there is none.
    package func object<Object: StripeObject>(_ id: String, as _: Object.Type = Object.self) -> Object? {
        control { state in state.tables[Object.object]?[id] }.flatMap { try? Object(.object($0)) }
    }

    /// The newest requests, in order: up to 1,000 or more.
    package var exchanges: [TestStripeExchange] { control { $0.recorder.latest } }

    /// A sample of all exchanges and events as lines for `Tests/Cases/stripe/shapes.py`.
    package var recordedShapes: [UInt8] { control { $0.recorder.lines } }
}
