import Modules

/// An event of the provider: a hint that an object has changed.
///
/// | state | event | next |
/// |---|---|---|
/// | – | a webhook, or a poll, with a new id | received; ignored where nothing here applies its kind of objects |
/// | received | its object was fetched after it and applied | applied |
/// | received | a newer state of its object has been applied | superseded |
/// | received | its object is none of ours | ignored |
/// | received | not applied within 72 hours | dead, for an administrator |
/// | dead | redrive | received |
///
/// The first attempt for a received event is made by the job of all that wait
/// (``ApplyWaitingProviderEventsJob``), further ones by a job of its own (``ApplyProviderEventJob``).
struct ProviderEvent: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case received, applied, superseded, ignored, dead
    }

    /// How it came.
    enum Source: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case webhook, poll
    }

    /// How long it is tried.
    static let patience = Duration.hours(72)

    let id: ID<ProviderEvent>
    /// The id at the provider, `evt_…`.
    let eventID: String
    /// The connected account; empty for the platform's own.
    let account: String
    let type: String
    let kind: String
    let objectID: String
    /// The provider's time.
    let createdAt: Instant
    let source: Source
    private(set) var state: State
    /// The object as it was delivered, as JSON, until the event is applied.
    private(set) var object: String?
    var receivedAt: Instant
    /// Until when it is tried.
    var retryUntil: Instant
    var lastError: String?
    var settledAt: Instant?
}

extension ProviderEvent {
    /// A longer object is applied by its event's hint alone.
    static let objectBytesMax = 256 << 10

    /// Reads an event as the provider sends it. Only what is needed is required: its ids, its type and its object.
    /// - Returns: nil where one of them is missing or is not of the provider's form.
    init?(_ value: JSONValue, id: ID<ProviderEvent>, by source: Source, at now: Instant) {
        guard let eventID = value["id"]?.string, ProviderObjectID.isValid(eventID),
            let type = value["type"]?.string, (1...255).contains(type.utf8.count), !type.hasNUL,
            let object = value["data"]?["object"], object.object != nil
        else { return nil }
        let account = value["account"]?.string ?? ""
        // Merchants choose the ids of some kinds, such as coupons. Objects of these kinds are not applied here, and an
        // event without an id is ignored.
        let objectID = object["id"]?.string.flatMap { ProviderObjectID.isValid($0) ? $0 : nil } ?? ""
        let kind = object["object"]?.string ?? ""
        guard account.isEmpty || ProviderObjectID.isValid(account),
            kind.utf8.count <= 100, !kind.hasNUL
        else { return nil }
        let seconds = value["created"]?.integer ?? now.seconds
        self.id = id
        self.eventID = eventID
        self.account = account
        self.type = type
        self.kind = kind
        self.objectID = objectID
        // A time of the far future would supersede everything after it.
        createdAt = Instant(seconds: min(max(seconds, 0), now.seconds + 3_600))
        self.source = source
        state = .received
        var text: [UInt8] = []
        text.append(json: object)
        self.object = text.count <= Self.objectBytesMax ? String(decoding: text, as: UTF8.self) : nil
        receivedAt = now
        retryUntil = now + Self.patience
    }

    /// Nothing here applies its kind of objects.
    mutating func ignore() {
        state = .ignored
        object = nil
    }

    init(row: Row) throws {
        id = try row["id"]
        eventID = try row["event_id"]
        account = try row["account"]
        type = try row["type"]
        kind = try row["kind"]
        objectID = try row["object_id"]
        createdAt = try row["created_at"]
        source = try row["source"]
        state = try row["state"]
        object = try row["object"]
        receivedAt = try row["received_at"]
        retryUntil = try row["retry_until"]
        lastError = try row["last_error"]
        settledAt = try row["settled_at"]
    }
}
