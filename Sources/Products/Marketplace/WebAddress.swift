import Foundation
import Modules

/// An address of a picture or of a document, which clients open.
enum WebAddress {
    static let lengthMax = 2_048

    /// Whether it is an absolute `https` or `http` URL with a host and without credentials, or a path of this service.
    static func isValid(_ text: String) -> Bool {
        guard text.unicodeScalars.count <= lengthMax, text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0 != "\\" })
        else { return false }
        if text.hasPrefix("/v1/marketplace/files/") { return true }
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            ["https", "http"].contains(scheme), parts.host?.isEmpty == false, parts.user == nil, parts.password == nil
        else { return false }
        return true
    }

    /// - Throws: `validation-failed` for the first text that is no such address.
    static func checked(_ texts: [String], at pointer: String) throws(Problem) -> [String] {
        for (index, text) in texts.enumerated() where !isValid(text) {
            throw Problem.invalid("\(pointer)/\(index)", "must be an http or https URL")
        }
        return texts
    }
}
