import Base
import Telemetry
import Testing

@Suite struct LogTests {
    private func line(
        _ metadata: Logger.Metadata, message: Logger.Message = "a message", format: LineLogHandler.Format = .json
    ) -> String {
        let output = LogOutput(keepsLines: true)
        let logger = Logger(label: "test") { LineLogHandler(label: $0, format: format, level: .info, output: output) }
        logger.info(message, metadata: metadata)
        return output.lines.joined()
    }

    @Test(arguments: [
        "007", "0x1F", "1.", "-inf", "-nan", "1e5", "12", "5 apples", "a\"b", "a\\b", "a\nb", "a\u{0}b", "a\u{2028}b",
        "", "null", "-",
    ])
    func `any text is logged as a string of one JSON object per line`(_ text: String) throws {
        let line = line(["field": "\(text)", text: "name"], message: "\(text)")
        #expect(line.hasSuffix("}\n"))
        #expect(line.dropLast().firstIndex(of: "\n") == nil)
        let object = try JSONValue(parsing: line.utf8)
        #expect(object["field"] == .string(text))
        #expect(object["message"] == .string(text))
    }

    @Test func `numbers are logged as JSON numbers`() throws {
        let object = try JSONValue(
            parsing: line([
                "whole": .stringConvertible(7), "real": .stringConvertible(1.5), "none": .stringConvertible(Double.nan),
            ]).utf8)
        #expect(object["whole"] == 7)
        #expect(object["real"] == 1.5)
        #expect(object["none"] == "nan")
    }

    @Test(
        arguments: ["password", "Authorization", "refresh_token", "SECRET", "set-cookie", "api_key", "credentials"],
        [LineLogHandler.Format.json, .text])
    func `values of fields with secret names are redacted`(_ name: String, _ format: LineLogHandler.Format) {
        let line = line([name: "hunter2-hunter2"], format: format)
        #expect(line.contains("[redacted]"))
        #expect(!line.contains("hunter2"))
    }

    @Test(arguments: LineLogHandler.Format.allCases)
    func `the newest lines are kept as JSON in both formats, redacted, from a level on`(
        _ format: LineLogHandler.Format
    ) {
        let recent = RecentLog()
        let logger = Logger(label: "test") {
            LineLogHandler(
                label: $0, format: format, level: .info, output: LogOutput(keepsLines: true), recent: recent)
        }
        for number in 0..<1_100 { logger.info("\(number)", metadata: ["api_key": "hunter2"]) }
        logger.error("an error", metadata: ["count": .stringConvertible(2)])
        logger.error("\(String(repeating: "x", count: 9_000))")
        let lines = recent.lines(3, from: .info)
        #expect(lines.map { $0["message"] } == ["1098", "1099", "an error"])
        #expect(lines.map { $0["level"] } == ["info", "info", "error"])
        #expect(lines[0]["api_key"] == "[redacted]" && lines[2]["count"] == 2)
        #expect(recent.lines(5_000, from: .trace).count == RecentLog.linesMax)
        #expect(recent.lines(10, from: .warning).count == 1)
    }

    private static let request = AccessLog.Line(
        requestID: "request-0001", method: "GET", path: "/v1/things/{name}", status: 200,
        duration: .microseconds(12_045), clientAddress: "192.0.2.9", user: nil
    )

    /// The access log line of a request, without its time.
    private func access(_ line: AccessLog.Line, change: (inout Logger) -> Void = { _ in }) throws -> JSONValue? {
        let output = LogOutput(keepsLines: true)
        var logger = Logger(label: "test") { LineLogHandler(label: $0, format: .json, level: .info, output: output) }
        change(&logger)
        AccessLog(logger).write(line)
        guard let text = output.lines.first, case .object(var object) = try JSONValue(parsing: text.utf8) else {
            return nil
        }
        #expect(object.removeValue(forKey: "timestamp")?.string.flatMap { Instant($0) } != nil)
        return .object(object)
    }

    @Test func `an access log line equals a log line with the same fields`() throws {
        var odd = Self.request
        (odd.requestID, odd.duration, odd.user) = ("a\"b\u{2028}", .seconds(3), "a person")
        odd.traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
        for line in [Self.request, odd] {
            // A logger with a field of its own does not use the fast path.
            var slow = try #require(try access(line) { $0[metadataKey: "extra"] = "field" }?.object)
            #expect(slow.removeValue(forKey: "extra") == "field")
            #expect(try access(line) == .object(slow))
        }
        #expect(try access(Self.request)?["duration_ms"] == 12.045)
    }

    @Test func `requests are not logged below the log level`() throws {
        #expect(try access(Self.request) { $0.logLevel = .warning } == nil)
    }

    @Test func `a text line contains no line break`() {
        #expect(
            line(["a": "b\nINFO forged"], message: "one\r\ntwo", format: .text).dropLast().contains { $0.isNewline }
                == false)
    }
}
