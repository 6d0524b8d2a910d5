package import Base

/// A payload with several formats. The media type and the outermost JSON value select one; the coding of the payload
/// itself is one of them.
package protocol MultiFormatBody: Payload {
    /// Of the formats with the media type of the body, the first that fits is read, or else the last.
    static var formats: [BodyFormat] { get }
}

/// A payload whose properties are all optional: a request without a body decodes as `{}`.
package protocol OptionalBody: Payload {}

/// One format of a payload.
package struct BodyFormat: Sendable {
    let mediaType: String
    let payload: any Payload.Type
    /// The longest list of payloads; nil for a single payload.
    let countMax: Int?
    let fits: @Sendable (JSONValue) -> Bool
    let read: @Sendable (JSONValue) throws(Problem) -> any Payload

    /// - Parameters:
    ///   - fits: whether a body has this format, where several formats have one media type.
    ///   - whole: makes the payload of the decoded part.
    package init<Part: Payload>(
        _ mediaType: String,
        of part: Part.Type,
        where fits: @escaping @Sendable (JSONValue) -> Bool = { _ in true },
        as whole: @escaping @Sendable (Part) throws(Problem) -> any Payload
    ) {
        let decoder = PayloadDecoder(for: part)
        self.mediaType = mediaType
        self.fits = fits
        payload = part
        countMax = nil
        read = { value throws(Problem) in try whole(try decoder.decode(part, from: value)) }
    }

    /// A list of up to `countMax` payloads.
    package init<Part: Payload>(
        _ mediaType: String,
        listOf part: Part.Type,
        upTo countMax: Int,
        as whole: @escaping @Sendable ([Part]) throws(Problem) -> any Payload
    ) {
        let decoder = PayloadDecoder(forListOf: part, upTo: countMax)
        self.mediaType = mediaType
        self.countMax = countMax
        payload = part
        fits = { $0.array != nil }
        read = { value throws(Problem) in try whole(try decoder.decodeList(of: part, from: value)) }
    }

    func schema(_ reader: SchemaReader) -> Schema {
        let one = reader.schema(of: payload)
        return countMax.map { .array(one, maxItems: $0) } ?? one
    }
}

extension [BodyFormat] {
    /// - Returns: nil where no format has the media type. A `+json` type that no format names is read as
    ///   `application/json`.
    func format(of value: JSONValue, _ mediaType: String) -> BodyFormat? {
        let isNamed = contains { $0.mediaType == mediaType }
        let candidates = filter { $0.mediaType == (isNamed ? mediaType : "application/json") }
        return candidates.first { $0.fits(value) } ?? candidates.last
    }
}
