import Base
import Entitlements
import Identity
import Modules
import Testing

@testable import Billing

@Suite struct UPIPaymentTransitionTests {
    private let start = Instant(seconds: 1_000_000)

    private func payment() -> UPIPayment {
        UPIPayment(
            id: "qr_0000000000000000", organisation: Runtime.system.id(), person: Runtime.system.id(),
            plan: Plan.ID("student"), cycle: .monthly, description: "Student, monthly",
            price: Money(79_900, .indianRupee), amount: Money(79_900, .indianRupee), at: start)
    }

    @Test func `a code expires after 15 minutes, whatever became of it without money`() {
        var payment = payment()
        #expect(payment.status(at: start + UPIPayment.lifetime) == .pending)
        #expect(payment.status(at: start + UPIPayment.lifetime + .microseconds(1)) == .expired)
        payment.fail(at: start)
        #expect(payment.status(at: start) == .failed && payment.status(at: start + .hours(1)) == .expired)
    }

    @Test func `only what was begun in time is waited for`() {
        var payment = payment()
        payment.process(at: start + .hours(1))
        #expect(payment.status(at: start + .hours(1)) == .expired && !payment.isInTime(at: start + .hours(1)))
        payment.process(at: start)
        let end = start + UPIPayment.lifetime + UPIPayment.settlementTime
        #expect(payment.isInTime(at: end) && !payment.isInTime(at: end + .microseconds(1)))
        #expect(payment.status(at: end + .microseconds(1)) == .expired)
    }

    @Test func `a bank reference has letters, digits and hyphens, whatever their case`() {
        #expect(UPIReport.bankReference("utr-4711") == "UTR4711" && UPIReport.bankReference("UTR4711") == "UTR4711")
        for text in ["", "abc", "a-b-c", "a b c d", "utr_4711", "utr4711\n", "१२३४", String(repeating: "1", count: 65)]
        {
            #expect(UPIReport.bankReference(text) == nil, "'\(text)'")
        }
    }

    @Test func `the address of a merchant has a name and a bank`() {
        #expect(UPISettings.fault(ofAddress: "shop.test-1@okbank") == nil)
        for text in ["", "shop", "@bank", "a@bank", "shop@", "shop@1bank", "sh op@bank", "shop@bank&am=1"] {
            #expect(UPISettings.fault(ofAddress: text) != nil, "'\(text)'")
        }
    }
}
