import Foundation
import Plotting

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The parsed XML of an SVG.
final class SVGReader: NSObject, XMLParserDelegate {
    private(set) var words = ""
    private(set) var root: [String: String] = [:]
    private(set) var elementCount = 0

    /// - Returns: nil where the document is not well-formed.
    init?(_ image: PlotImage) {
        super.init()
        let parser = XMLParser(data: Data(image.bytes))
        parser.delegate = self
        guard parser.parse() else { return nil }
    }

    func parser(
        _: XMLParser,
        didStartElement _: String,
        namespaceURI _: String?,
        qualifiedName _: String?,
        attributes: [String: String]
    ) {
        if elementCount == 0 { root = attributes }
        elementCount += 1
    }

    func parser(_: XMLParser, foundCharacters string: String) { words += string }
}
