import Modules

/// A form that a visitor has sent.
struct Submission: Sendable {
    let id: ID<Submission>
    let kind: SubmissionKind
    let email: String
    let data: JSONValue
    let createdAt: Instant

    init(row: Row) throws {
        id = try row["id"]
        kind = try row["kind"]
        email = try row["email"]
        data = try StoredJSON.value(row["data"])
        createdAt = try row["created_at"]
    }
}

/// The body of a form: an address, and what else the form has.
struct NewSubmission: Payload, SchemaProviding {
    let email: String
    let members: [String: JSONValue]

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer().decode(JSONValue.self)
        members = value.object ?? [:]
        email = members["email"]?.string ?? ""
    }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(JSONValue.object(members))
    }
    private init() { (email, members) = ("", [:]) }

    static let membersMax = 30
    static let bytesMax = 8 << 10

    static var sample: Self { Self() }
    static var schema: Schema {
        let text = Schema.string(maxLength: 200)
        return .object(
            Schema.Object(
                properties: [.init(name: "email", schema: .string(format: "email", maxLength: 254), isRequired: true)]
                    + ["name", "phone", "company", "subject"].map {
                        .init(name: $0, schema: .nullable(text), isRequired: false)
                    } + [.init(name: "message", schema: .nullable(.string(maxLength: 5_000)), isRequired: false)],
                isOpen: true))
    }

    /// - Throws: `validation-failed`.
    func check() throws(Problem) {
        guard members.count <= Self.membersMax else {
            throw Problem.invalid("", "must have at most \(Self.membersMax) members")
        }
        for name in members.keys where !(1...64).contains(name.unicodeScalars.count) {
            throw Problem.invalid("", "has a member whose name is not 1 to 64 characters long")
        }
        guard email.wholeMatch(of: /[^\s@]+@[^\s@]+\.[^\s@]+/) != nil else {
            throw Problem.invalid("/email", "must be an e-mail address")
        }
        try FreeForm.check(.object(members), at: "", bytesMax: Self.bytesMax)
    }
}

struct SubmissionReceived: Payload {
    var success: Bool
    var message: String
}

/// A form for administrators.
struct SubmissionView: Payload {
    var id: ID<Submission>
    var email: String
    var data: JSONValue
    var createdAt: Instant

    init(_ submission: Submission) {
        id = submission.id
        email = submission.email
        data = submission.data
        createdAt = submission.createdAt
    }
}
