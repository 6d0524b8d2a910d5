import Mail
import Testing

@Suite struct DeliveryTests {
    @Test func `a letter says whom it is for`() {
        #expect(Letter("verify-email", to: "somebody@example.org").recipient == "somebody@example.org")
    }
}
