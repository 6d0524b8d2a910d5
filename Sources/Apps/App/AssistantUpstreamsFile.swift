import Assistant
import Foundation
import Models
import Modules

/// The file of services of the assistant's models (`ASSISTANT_UPSTREAMS_FILE`): JSON with a member `upstreams`.
struct AssistantUpstreamsFile {
    let upstreams: [AssistantUpstream]

    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private static let countMax = 16
    private static let weightMax: Int64 = 1_000_000

    /// - Throws: ``Fault``.
    init(_ path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else { throw Fault(description: "cannot be read") }
        let json: JSONValue
        do { json = try JSONValue(parsing: data) } catch { throw Fault(description: "is not JSON: \(error)") }
        guard let entries = json["upstreams"]?.array, (1...Self.countMax).contains(entries.count) else {
            throw Fault(description: "has no member upstreams with 1 to \(Self.countMax) entries")
        }
        var upstreams: [AssistantUpstream] = []
        for (index, entry) in entries.enumerated() {
            do { upstreams.append(try Self.upstream(entry, index)) } catch {
                throw Fault(description: "upstreams[\(index)]: \(error)")
            }
        }
        guard upstreams.contains(where: { $0.weight > 0 }) else {
            throw Fault(description: "has no entry with a weight above 0")
        }
        self.upstreams = upstreams
    }

    private static func upstream(_ entry: JSONValue, _ index: Int) throws -> AssistantUpstream {
        let apis = ModelUpstream.API.allCases
        guard let name = entry["api"]?.string,
            let api = apis.first(where: { $0.rawValue.lowercased() == name.lowercased() })
        else {
            throw Fault(description: "api: is one of \(apis.map { $0.rawValue.lowercased() }.joined(separator: ", "))")
        }
        var key: ModelKey?
        if let text = entry["key"]?.string {
            key = ModelKey(text)
            guard key != nil else { throw Fault(description: "key: has blanks or characters outside of ASCII") }
        }
        let url = entry["url"]?.string ?? (api == .anthropic ? ModelUpstream.anthropicURL : ModelUpstream.openAIURL)
        let upstream: ModelUpstream
        do { upstream = try ModelUpstream(api, baseURL: url, key: key) } catch {
            throw Fault(description: "url: \(error)")
        }
        guard let weight = (entry["weight"] ?? 1).integer, (0...weightMax).contains(weight) else {
            throw Fault(description: "weight: is a number from 0 to \(weightMax)")
        }
        return AssistantUpstream(
            name: entry["name"]?.string ?? "upstream-\(index + 1)", upstream: upstream, weight: Int(weight),
            models: try models(entry["models"]))
    }

    /// Names, or objects with the name of clients and that of the service.
    private static func models(_ value: JSONValue?) throws -> [(name: String, atService: String)] {
        let models = (value?.array ?? []).compactMap { model -> (name: String, atService: String)? in
            if let name = model.string { return (name, name) }
            guard let name = model["name"]?.string else { return nil }
            return (name, model["at_service"]?.string ?? name)
        }
        guard !models.isEmpty, models.count == value?.array?.count,
            models.allSatisfy({ (1...200).contains($0.name.count) && (1...200).contains($0.atService.count) })
        else {
            throw Fault(description: "models: is a list of names, or of {\"name\", \"at_service\"}")
        }
        return models
    }
}
