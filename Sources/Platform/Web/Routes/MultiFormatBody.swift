package import Base

/// A payload that comes in several shapes: which one it is, its media type and its outermost form tell. Its own coding is one of them.
package protocol MultiFormatBody: Payload {
    /// Of those with the body's media type the first that fits is read, or else the last.
    static var shapes: [BodyFormat] { get }
    /// The largest body, in bytes.
    static var bodyBytesMax: Int { get }
}

/// A payload that may be left out where nothing of it needs saying.
package protocol OptionalBody: Payload {}

/// One way in which a payload may be written.
package struct BodyFormat: Sendable {
    let mediaType: String
    let payload: any Payload.Type
    /// Nil for one payload, otherwise how long a list of them may be.
    let countMax: Int?
    let fits: @Sendable (JSONValue) -> Bool
    let read: @Sendable (JSONValue) throws(Problem) -> any Payload

    /// - Parameters:
    ///   - fits: whether a body looks like this one, where others have the same media type.
    ///   - whole: makes the whole payload of it.
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
    /// - Returns: nil where no shape has the media type. Other names of JSON stand for JSON itself.
    func shape(of value: JSONValue, _ mediaType: String) -> BodyFormat? {
        let isNamed = contains { $0.mediaType == mediaType }
        let candidates = filter { $0.mediaType == (isNamed ? mediaType : "application/json") }
        return candidates.first { $0.fits(value) } ?? candidates.last
    }
}
