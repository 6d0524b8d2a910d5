import Base
import Identity
import Modules
import Outbound
import Testing

@testable import Webhooks

@Suite struct WebhookEndpointTransitionTests {
    private let start = Instant(seconds: 1_000_000)

    private func endpoint() throws -> WebhookEndpoint {
        WebhookEndpoint(
            id: Runtime.system.id(), organisation: Runtime.system.id(), url: try UserURL("https://example.org/"),
            description: "", eventTypes: ["*"], secret: "a", at: start)
    }

    @Test func `many failures in a short time degrade, and do not disable`() throws {
        var endpoint = try endpoint()
        for second in 0..<1_000 { endpoint.fail(at: start + .seconds(Int64(second))) }
        #expect(endpoint.state == .degraded)
        #expect(endpoint.pausedUntil == start + .seconds(999) + WebhookEndpoint.pauseMax)
    }

    @Test func `few failures over a long time do not disable`() throws {
        var endpoint = try endpoint()
        for day in 0..<9 { endpoint.fail(at: start + .days(Int64(day))) }
        #expect(endpoint.state == .degraded)
        endpoint.fail(at: start + .days(9))
        #expect(endpoint.state == .disabled && endpoint.disabledBecause == .failures)
    }

    @Test func `a success ends a row of failures`() throws {
        var endpoint = try endpoint()
        for day in 0..<9 { endpoint.fail(at: start + .days(Int64(day))) }
        endpoint.succeed()
        #expect(endpoint.state == .enabled && endpoint.failures == 0 && endpoint.failingSince == nil)
        endpoint.fail(at: start + .days(20))
        #expect(endpoint.state == .enabled && endpoint.pausedUntil == nil)
    }

    @Test func `attempts under way change nothing of an endpoint that is disabled or deleted`() throws {
        var endpoint = try endpoint()
        endpoint.disable(.request)
        endpoint.fail(at: start)
        endpoint.succeed()
        endpoint.disable(.gone)
        #expect(endpoint.state == .disabled && endpoint.disabledBecause == .request && endpoint.failures == 0)
        endpoint.delete()
        endpoint.enable()
        endpoint.succeed()
        #expect(endpoint.state == .deleted && endpoint.secrets(at: start) == [""])
    }

    @Test func `a rotation keeps the old secret for the overlap alone`() throws {
        var endpoint = try endpoint()
        endpoint.rotate(to: "b", keepingOldUntil: start + .hours(1), at: start)
        #expect(endpoint.secrets(at: start) == ["b", "a"] && endpoint.secrets(at: start + .hours(1)) == ["b"])
        endpoint.rotate(to: "c", keepingOldUntil: start, at: start)
        #expect(endpoint.secrets(at: start) == ["c"])
    }
}
