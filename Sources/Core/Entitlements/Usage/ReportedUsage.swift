import Modules
import Secrets

/// A usage event, independent of the format in which it was reported.
struct ReportedUsage: Sendable {
    /// The operation key of its usage entry. Keys of local products begin with the name of a meter, which has no slash.
    private(set) var key: UTF8Key
    let id: String
    let source: String?
    let meter: String
    let amount: Int64
    let occurredAt: Instant?
    let subject: String?

    init(_ event: UsageEvent) {
        key = UTF8Key("event/\(event.id)")
        id = event.id
        source = nil
        meter = event.meter
        amount = event.amount
        occurredAt = event.occurredAt
        subject = event.subject
    }

    /// - Parameter pointer: the JSON pointer of the event in the body.
    /// - Throws: `validation-failed` for constraints that the schema cannot express.
    init(_ event: CloudEvent, at pointer: String) throws(Problem) {
        guard !event.source.contains(where: \.isWhitespace) else {
            throw Problem.invalid("\(pointer)/source", "must be a URI reference")
        }
        if let type = event.datacontenttype?.prefix(while: { $0 != ";" }).lowercased().filter({ $0 != " " }),
            !type.hasSuffix("/json"), !type.hasSuffix("+json")
        {
            throw Problem.invalid("\(pointer)/datacontenttype", "must be JSON")
        }
        let moment = event.time.map { Instant(rfc3339: $0) }
        if case .some(.none) = moment {
            throw Problem.invalid("\(pointer)/time", "must be an RFC 3339 time, such as 2026-03-01T09:30:00+01:00")
        }
        key = UTF8Key("cloudevent/\(event.source) \(event.id)")
        id = event.id
        source = event.source
        meter = event.data.meter
        amount = event.data.amount
        occurredAt = moment ?? nil
        subject = event.subject
    }

    /// The same event with a key that another service key's event with the same id does not have.
    func scoped(by key: ServiceKey) -> ReportedUsage {
        var event = self
        event.key = UTF8Key("service/\(key.origin)/\(self.key.text)")
        return event
    }

    /// A digest of the contents: the same key with another fingerprint is a conflict.
    var fingerprint: String {
        let moment = occurredAt.map { "\($0.microseconds)" } ?? "-"
        return Digest.hex("\(amount) \(moment) \(meter.utf8.count) \(meter)\(subject.map { "+\($0)" } ?? "-")")
    }
}

extension Instant {
    /// Parses RFC 3339 with any offset. Of the decimals of a second, the first six are used.
    init?(rfc3339 text: String) {
        let text = text.uppercased()
        // The offset follows the time of day.
        guard text.utf8.count >= 20, let mark = text.utf8.dropFirst(19).firstIndex(where: { "Z+-".utf8.contains($0) })
        else { return nil }
        let offset = text[mark...].utf8.map { Int64($0) }
        var moved: Int64 = 0
        if offset.count == 6, offset[3] == Int64(UInt8(ascii: ":")) {
            let digits = [offset[1], offset[2], offset[4], offset[5]].map { $0 - Int64(UInt8(ascii: "0")) }
            guard digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
            let (hours, minutes) = (digits[0] * 10 + digits[1], digits[2] * 10 + digits[3])
            guard hours < 24, minutes < 60 else { return nil }
            moved = (hours * 60 + minutes) * (offset[0] == Int64(UInt8(ascii: "-")) ? 1 : -1)
        } else if offset != [Int64(UInt8(ascii: "Z"))] {
            return nil
        }
        let parts = text[..<mark].split(separator: ".", omittingEmptySubsequences: false)
        guard
            parts.count == 1
                || parts.count == 2 && !parts[1].isEmpty && parts[1].allSatisfy({ $0.isASCII && $0.isNumber })
        else { return nil }
        let fraction = parts.count == 2 ? "." + parts[1].prefix(6) : ""
        guard let instant = Instant("\(parts[0])\(fraction)Z") else { return nil }
        self = instant + .minutes(moved)
    }
}
