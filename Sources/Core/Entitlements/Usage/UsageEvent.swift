import Modules
import Secrets

/// Use that was counted elsewhere, as its product tells of it.
struct UsageEvent: Payload {
    /// Names the event for good: whatever comes again under this id is counted once.
    var id: String
    var meter: String
    var amount: Int64
    /// Now, unless it is said.
    var occurredAt: Instant?
    /// Whom or what it was used for, in words of the product's own.
    var subject: String?

    static let amountMax: Int64 = 1_000_000_000
    static let rules: [String: Rule] = [
        "id": .length(1...255), "meter": .length(1...64), "amount": .range(1...amountMax), "subject": .length(0...255),
    ]
}

/// The same as an event of CloudEvents 1.0 in its JSON format. Attributes that are not named here are passed over.
struct CloudEvent: Payload {
    var specversion: String
    /// Together with the source it names the event for good.
    var id: String
    /// A URI reference.
    var source: String
    var type: String
    /// RFC 3339; now, unless it is said.
    var time: String?
    var subject: String?
    var datacontenttype: String?
    var data: CloudEventData

    static let isOpen = true
    static let rules: [String: Rule] = [
        "specversion": .oneOf(["1.0"]), "id": .length(1...255), "source": .length(1...255), "type": .length(1...255),
        "time": .length(1...64),
        "subject": .length(0...255), "datacontenttype": .length(0...255),
    ]
}

struct CloudEventData: Payload {
    var meter: String
    var amount: Int64

    static let isOpen = true
    static let rules: [String: Rule] = ["meter": .length(1...64), "amount": .range(1...UsageEvent.amountMax)]
}

/// One event or many, in either of two spellings.
struct UsageReport: MultiFormatBody {
    var events: [UsageEvent]
    /// What is counted: the events as they were written, in whichever spelling.
    private(set) var reported: [ReportedUsage] = []
    /// Whether it was sent as one event, and shall be answered as one.
    private(set) var isSingle = false

    static let countMax = 1_000
    static let bodyBytesMax = 4 << 20
    static let rules: [String: Rule] = ["events": .items(upTo: countMax)]

    private enum CodingKeys: CodingKey { case events }

    static var formats: [BodyFormat] {
        [
            BodyFormat("application/json", listOf: UsageEvent.self, upTo: countMax) {
                UsageReport($0.map { ReportedUsage($0) })
            },
            BodyFormat("application/json", of: UsageReport.self, where: { $0["events"] != nil }) {
                UsageReport($0.events.map { ReportedUsage($0) })
            },
            BodyFormat("application/json", of: UsageEvent.self) { UsageReport([ReportedUsage($0)], isSingle: true) },
            BodyFormat("application/cloudevents+json", of: CloudEvent.self) { event throws(Problem) in
                UsageReport([try ReportedUsage(event, at: "")], isSingle: true)
            },
            BodyFormat("application/cloudevents-batch+json", listOf: CloudEvent.self, upTo: countMax) {
                events throws(Problem) in
                var reported: [ReportedUsage] = []
                for (index, event) in events.enumerated() { reported.append(try ReportedUsage(event, at: "/\(index)")) }
                return UsageReport(reported)
            },
        ]
    }

    init(_ reported: [ReportedUsage], isSingle: Bool = false) {
        events = []
        self.reported = reported
        self.isSingle = isSingle
    }
}

/// An event in neither spelling.
struct ReportedUsage: Sendable {
    /// The operation key of its usage entry. No product's key holds a slash in this place: names of meters have none.
    let key: String
    let id: String
    let source: String?
    let meter: String
    let amount: Int64
    let occurredAt: Instant?
    let subject: String?

    init(_ event: UsageEvent) {
        key = "event/\(event.id)"
        id = event.id
        source = nil
        meter = event.meter
        amount = event.amount
        occurredAt = event.occurredAt
        subject = event.subject
    }

    /// - Parameter pointer: where the event stands in the body.
    /// - Throws: `validation-failed` for what the schema cannot say.
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
        key = "cloudevent/\(event.source) \(event.id)"
        id = event.id
        source = event.source
        meter = event.data.meter
        amount = event.data.amount
        occurredAt = moment ?? nil
        subject = event.subject
    }

    /// What the event says: the same key with another fingerprint is other use.
    var fingerprint: String {
        let moment = occurredAt.map { "\($0.microseconds)" } ?? "-"
        return Digest.hex("\(amount) \(moment) \(meter.utf8.count) \(meter)\(subject.map { "+\($0)" } ?? "-")")
    }
}

extension Instant {
    /// Reads RFC 3339 with any offset, and any number of decimals of which six are kept.
    init?(rfc3339 text: String) {
        let text = text.uppercased()
        // The offset begins behind the time of day.
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
