import Foundation
import Modules

extension Configuration {
    /// The URL that spans are sent to; nil where nothing is traced.
    var tracesURL: String? {
        tracesEndpoint.map { ($0.hasSuffix("/") ? String($0.dropLast()) : $0) + "/v1/traces" }
    }

    /// The header fields for the collector; nil where the setting is not valid.
    var tracesFields: [(name: String, value: String)]? {
        guard let tracesHeaders else { return [] }
        var fields: [(name: String, value: String)] = []
        for entry in tracesHeaders.split(separator: ",") {
            guard let separator = entry.firstIndex(of: "="),
                let value = FormText.decode(entry[entry.index(after: separator)...], plusIsSpace: false)
            else { return nil }
            let name = entry[..<separator].trimmingCharacters(in: .whitespaces)
            let trimmed = value.trimmingCharacters(in: .whitespaces)
            guard name.wholeMatch(of: /[A-Za-z0-9_-]+/) != nil,
                trimmed.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
            else { return nil }
            fields.append((name, trimmed))
        }
        return fields
    }

    var traceFaults: [String] {
        var faults: [String] = []
        if let tracesEndpoint {
            let parts = URLComponents(string: tracesEndpoint)
            if !["http", "https"].contains(parts?.scheme ?? "") || parts?.host?.isEmpty != false
                || parts?.query != nil || parts?.fragment != nil || parts?.user != nil
            {
                faults.append(
                    "OTEL_EXPORTER_OTLP_ENDPOINT: is no URL that begins with https:// or http://, without a query and "
                        + "without a user; OTEL_EXPORTER_OTLP_HEADERS has credentials")
            }
        } else if tracesHeaders != nil {
            faults.append("OTEL_EXPORTER_OTLP_ENDPOINT: is required with OTEL_EXPORTER_OTLP_HEADERS")
        }
        if tracesFields == nil {
            faults.append("OTEL_EXPORTER_OTLP_HEADERS: is not NAME=VALUE separated by commas")
        }
        return faults
    }
}
