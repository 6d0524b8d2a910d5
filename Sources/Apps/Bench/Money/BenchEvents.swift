import Modules
import Stripe

/// Signed events of the provider, each with an id of its own: three of each payment.
struct BenchEvents: Sendable {
    let secret: String
    /// The number of the first event.
    let first: Int

    private static let perPayment = 3

    /// - Parameter number: from 0.
    func webhook(_ number: Int) -> (body: [UInt8], signature: String) {
        let id = NumberedRows.digits(first + number)
        let payment = NumberedRows.digits((first + number) / Self.perPayment)
        var body: [UInt8] = []
        body.reserveCapacity(Self.parts.reduce(64) { $0 + $1.count })
        for (index, part) in Self.parts.enumerated() {
            if index > 0 { body.append(contentsOf: (index == 1 ? id : payment).utf8) }
            body.append(contentsOf: part)
        }
        return (body, StripeSignature.header(of: body, secrets: [secret], at: Runtime.system.now()))
    }

    /// An event as the provider writes it, about a payment that the system does not know. `§` is the event's number,
    /// then that of the payment.
    private static let parts: [[UInt8]] = """
        {"id":"evt_1Bench§","object":"event","api_version":"\(StripeClient.apiVersion)","created":1764500000,
        "data":{"object":{"id":"pi_3Bench§","object":"payment_intent","amount":19900,"amount_capturable":0,
        "amount_details":{"tip":{}},"amount_received":19900,"application":null,"application_fee_amount":null,
        "automatic_payment_methods":{"allow_redirects":"always","enabled":true},"canceled_at":null,
        "cancellation_reason":null,"capture_method":"automatic_async","client_secret":null,
        "confirmation_method":"automatic","created":1764499990,"currency":"usd","customer":"cus_TBench4uY2lXq1",
        "description":"Workshop for 20 people on 12 March","invoice":null,"last_payment_error":null,
        "latest_charge":"ch_3BenchQr0aTzW8e2h","livemode":false,
        "metadata":{"event":"0190c0de-0000-7000-8000-100000000001","source":"web"},"next_action":null,
        "on_behalf_of":null,"payment_method":"pm_1BenchbT0aTzW8e2hX",
        "payment_method_configuration_details":{"id":"pmc_1BenchNn0aTzW8e2h","parent":null},
        "payment_method_options":{"card":{"installments":null,"mandate_options":null,"network":null,
        "request_three_d_secure":"automatic"}},"payment_method_types":["card"],"processing":null,
        "receipt_email":"organizer@example.org","review":null,"setup_future_usage":null,"shipping":null,
        "source":null,"statement_descriptor":null,"statement_descriptor_suffix":null,"status":"succeeded",
        "transfer_data":null,"transfer_group":"0190c0de-0000-7000-8000-100000000001"}},"livemode":false,
        "pending_webhooks":1,"request":{"id":"req_BenchA1b2C3d4E5",
        "idempotency_key":"payment:0190c0de-0000-7000-8000-100000000001:create"},"type":"payment_intent.succeeded"}
        """.split(separator: "§").map { Array($0.utf8) }
}
