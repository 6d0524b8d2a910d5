import Base
import Tracing

/// The place of a task in a trace, as W3C Trace Context (version 00) sends it between services.
package struct TraceContext: Sendable, Hashable {
    /// The upper and the lower half of the trace id, which is not 0.
    let high: UInt64
    let low: UInt64
    /// Of the span that the task belongs to; not 0.
    let span: UInt64
    /// Whether spans of this trace are recorded.
    package let isSampled: Bool

    /// That of the current task; nil outside of a trace.
    package static var current: TraceContext? { InstrumentationContext.current?.trace }

    /// 32 hexadecimal digits.
    package var traceID: String { Self.hex(high) + Self.hex(low) }
    /// 16 hexadecimal digits.
    package var spanID: String { Self.hex(span) }
    /// The value of the header field `traceparent`.
    package var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    static func hex(_ number: UInt64) -> String {
        Hex.encode((0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) })
    }
}

extension TraceContext {
    private static let length = 55

    /// - Parameter text: the value of `traceparent`.
    /// - Returns: nil for anything but a valid value. A version above 00 may have further parts, which are ignored.
    package init?(traceparent text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= Self.length, bytes[2] == Self.dash, bytes[35] == Self.dash, bytes[52] == Self.dash,
            let version = Self.number(bytes[0..<2]), version != 0xFF,
            bytes.count == Self.length || version > 0 && bytes[Self.length] == Self.dash,
            let high = Self.number(bytes[3..<19]), let low = Self.number(bytes[19..<35]), high | low != 0,
            let span = Self.number(bytes[36..<52]), span != 0, let flags = Self.number(bytes[53..<55])
        else { return nil }
        self.init(high: high, low: low, span: span, isSampled: flags & 1 == 1)
    }

    private static let dash = UInt8(ascii: "-")

    /// - Parameter digits: at most 16; only lower-case ones are valid.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            guard !(UInt8(ascii: "A")...UInt8(ascii: "F")).contains(digit), let value = Hex.value(of: digit) else {
                return nil
            }
            number = number << 4 | UInt64(value)
        }
        return number
    }
}

extension InstrumentationContext {
    private enum Key: InstrumentationContextKey {
        typealias Value = TraceContext
    }

    var trace: TraceContext? {
        get { self[Key.self] }
        set { self[Key.self] = newValue }
    }
}
