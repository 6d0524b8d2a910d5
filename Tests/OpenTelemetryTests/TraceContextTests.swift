import OpenTelemetry
import Testing

@Suite struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let span = "00f067aa0ba902b7"

    @Test(arguments: [
        "00-\(trace)-\(span)-01", "00-\(trace)-\(span)-03", "00-\(trace)-\(span)-ff", "01-\(trace)-\(span)-01",
        "cc-\(trace)-\(span)-01-what-comes-later",
    ])
    func `a valid field is read, also of a later version`(_ text: String) throws {
        let context = try #require(TraceContext(traceparent: text))
        #expect(context.traceID == Self.trace && context.spanID == Self.span && context.isSampled)
        #expect(context.traceparent == "00-\(Self.trace)-\(Self.span)-01")
    }

    @Test func `the flag of a caller that does not record is kept`() throws {
        let context = try #require(TraceContext(traceparent: "00-\(Self.trace)-\(Self.span)-02"))
        #expect(!context.isSampled && context.traceparent.hasSuffix("-00"))
    }

    @Test(arguments: [
        "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-0", "00-\(trace)-\(span)-01-", "00-\(trace)-\(span)-01-x",
        "ff-\(trace)-\(span)-01", "0g-\(trace)-\(span)-01", "01-\(trace)-\(span)-01x",
        "00-\(trace.uppercased())-\(span)-01", "00-00000000000000000000000000000000-\(span)-01",
        "00-\(trace)-0000000000000000-01", "00-\(trace)x\(span)-01", " 00-\(trace)-\(span)-01",
        "00-\(trace.dropLast())é-\(span)-01", "00_\(trace)_\(span)_01", "00-\(trace)-\(span)-0A",
    ])
    func `anything else is no trace`(_ text: String) { #expect(TraceContext(traceparent: text) == nil, "\(text)") }
}
