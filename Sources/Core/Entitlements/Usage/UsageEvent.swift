import Modules

/// Usage that was counted elsewhere, as its product reports it.
struct UsageEvent: Payload {
    /// The unique id of the event: a repeat is counted once.
    var id: String
    var meter: String
    var amount: Int64
    /// Defaults to the time of the request.
    var occurredAt: Instant?
    /// What the units were used for, in the terms of the product.
    var subject: String?

    static let amountMax: Int64 = 1_000_000_000
    static let rules: [String: Rule] = [
        "id": .length(1...255), "meter": .length(1...64), "amount": .range(1...amountMax), "subject": .length(0...255),
    ]
}

/// The same as an event of CloudEvents 1.0 in its JSON format. Attributes that are not listed here are ignored.
struct CloudEvent: Payload {
    var specversion: String
    /// Unique together with the source.
    var id: String
    /// A URI reference.
    var source: String
    var type: String
    /// RFC 3339; defaults to the time of the request.
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

/// One event or several, in either of two formats.
struct UsageReport: MultiFormatBody {
    var events: [UsageEvent]
    /// The events, independent of the format.
    private(set) var reported: [ReportedUsage] = []
    /// Whether the body is one event, which the response treats as one.
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
