import Modules

/// The settings in the members of an object, under the names of ``SeriesSettings`` and of the page's own records
/// (``SeriesMemberNames``), and the pointers of the members as they were sent. Members that the server computes are
/// left out, as are null and empty texts, which the page sends for empty fields; unknown members are faults.
struct NamedSettings {
    private(set) var settings = SeriesSettings()
    private(set) var pointers: [SeriesSettings.CodingKeys: String] = [:]

    init() {}

    /// - Parameter pointer: the JSON pointer of the object.
    init(_ members: [String: JSONValue], at pointer: String, _ faults: inout [Problem.Fault]) {
        var known: [String: JSONValue] = [:]
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            let place = pointer + Problem.Fault.step(name)
            if SeriesMemberNames.computed.contains(name) { continue }
            guard let key = SeriesMemberNames.setting(name) else {
                faults.append(.init(place, "is not a known member"))
                continue
            }
            // The page sends numbers as texts.
            guard value != .null, value != .string("") else { continue }
            let sent = SeriesMemberNames.isNumber(key) ? Self.number(value) : value
            if let earlier = known[key.rawValue], earlier != sent {
                faults.append(.init(place, "contradicts \(pointers[key] ?? key.rawValue)"))
            }
            known[key.rawValue] = sent
            pointers[key] = place
        }
        let found = Self.reader.faults(known, at: "")
        faults += found.map { fault in
            let key = SeriesSettings.CodingKeys(rawValue: String(fault.pointer.dropFirst()))
            return Problem.Fault(key.flatMap { pointers[$0] } ?? pointer + fault.pointer, fault.detail)
        }
        if found.isEmpty, let read = Self.reader.read(known, at: pointer, &faults) { settings = read }
    }

    private static func number(_ value: JSONValue) -> JSONValue {
        switch value {
        case .integer(let number): .number(Double(number))
        case .string(let text): Double(text).flatMap { $0.isFinite ? .number($0) : nil } ?? value
        default: value
        }
    }

    private static let reader = MemberReader<SeriesSettings>()
}
