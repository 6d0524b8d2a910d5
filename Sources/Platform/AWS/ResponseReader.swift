import Foundation
import FoundationXML

/// Reads an XML response into elements, within bounds.
///
/// Document types are refused, because entities multiply a small document; the responses of AWS have none.
final class ResponseReader: NSObject, XMLParserDelegate {
    /// Why a response is no XML of the Query protocol.
    enum Failure: Error, Hashable {
        case notUTF8
        case documentType
        case tooDeep
        case tooManyElements
        case malformed
    }

    static let depthMax = 32
    static let elementsMax = 100_000

    /// The open elements with what was read of them, from the root on.
    private var open: [(name: String, text: String, children: [ResponseElement])] = []
    private var root: ResponseElement?
    private var count = 0
    private var failure: Failure?

    /// - Parameter bytes: the body of a response, which the client bounds.
    static func read(_ bytes: [UInt8]) throws(Failure) -> ResponseElement {
        // Another encoding could hide a document type from the search.
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        guard !text.contains("<!DOCTYPE") else { throw .documentType }
        let reader = ResponseReader()
        let parser = XMLParser(data: Data(bytes))
        parser.delegate = reader
        let isWellFormed = parser.parse()
        if let failure = reader.failure { throw failure }
        guard isWellFormed, let root = reader.root else { throw .malformed }
        return root
    }

    func parser(
        _ parser: XMLParser,
        didStartElement name: String,
        namespaceURI _: String?,
        qualifiedName _: String?,
        attributes _: [String: String]
    ) {
        count += 1
        if open.count == Self.depthMax { stop(parser, .tooDeep) }
        if count > Self.elementsMax { stop(parser, .tooManyElements) }
        guard failure == nil else { return }
        open.append((name, "", []))
    }

    func parser(_: XMLParser, foundCharacters text: String) {
        if !open.isEmpty { open[open.count - 1].text += text }
    }

    func parser(_ parser: XMLParser, foundCDATA block: Data) {
        self.parser(parser, foundCharacters: String(decoding: block, as: UTF8.self))
    }

    func parser(_: XMLParser, didEndElement _: String, namespaceURI _: String?, qualifiedName _: String?) {
        guard failure == nil, let (name, text, children) = open.popLast() else { return }
        let element = ResponseElement(
            name, text: text.trimmingCharacters(in: .whitespacesAndNewlines), children: children)
        if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
    }

    /// `parse()` returns true for text or elements behind the root.
    func parser(_: XMLParser, parseErrorOccurred _: any Error) { failure = failure ?? .malformed }

    private func stop(_ parser: XMLParser, _ reason: Failure) {
        failure = failure ?? reason
        parser.abortParsing()
    }
}
