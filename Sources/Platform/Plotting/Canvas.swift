import CCairo

/// A white drawing surface that is rendered as one PNG or SVG image. It is not shared, so it needs no lock.
///
/// Positions are points, from the top left. Cairo keeps the first error and ignores later calls, so drawing methods do
/// not throw; `image` reports the error.
package struct Canvas: ~Copyable {
    /// At four bytes a pixel: 64 MB of memory.
    package static let pixelsMax = 16_000_000.0
    /// The largest side that Cairo's image surfaces can address, with a margin.
    package static let sideMax = 16_384.0

    package let size: Size
    let context: OpaquePointer?
    private let surface: OpaquePointer?
    private let format: PlotImage.Format
    /// Retained because the SVG surface writes to it until it is finished.
    private let sink = ByteSink()

    /// - Parameter scale: pixels per point of a PNG; 2 suits high-resolution screens. An SVG has no pixels.
    package init(size: Size, format: PlotImage.Format, scale: Double = 2) throws(PlottingError) {
        let scale = format == .png ? scale : 1
        let width = (size.width * scale).rounded()
        let height = (size.height * scale).rounded()
        guard scale > 0, (1...Self.sideMax).contains(width), (1...Self.sideMax).contains(height),
            width * height <= Self.pixelsMax
        else {
            throw .sizeOutOfBounds(size, scale: scale)
        }
        self.size = size
        self.format = format
        switch format {
        case .png:
            surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height))
            cairo_surface_set_device_scale(surface, scale, scale)
        case .svg:
            surface = cairo_svg_surface_create_for_stream(ByteSink.write, sink.reference, size.width, size.height)
            cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX)
        }
        context = cairo_create(surface)
        useResolutionFreeText()
        fill(Rect(left: 0, top: 0, right: size.width, bottom: size.height), with: .white)
    }

    deinit {
        cairo_destroy(context)
        cairo_surface_destroy(surface)
    }

    /// Ends the drawing.
    ///
    /// - Parameters:
    ///   - title: the title of an SVG, for assistive technology.
    ///   - description: lines of text that describe an SVG; Cairo converts all text to outlines, which cannot be read
    ///     or searched.
    package consuming func image(title: String, description: [String]) throws(PlottingError) -> PlotImage {
        try check(cairo_status(context))
        switch format {
        case .png:
            cairo_surface_flush(surface)
            try check(cairo_surface_write_to_png_stream(surface, ByteSink.write, sink.reference))
            return PlotImage(format: .png, bytes: sink.bytes)
        case .svg:
            cairo_surface_finish(surface)
            try check(cairo_surface_status(surface))
            let document = SVGDocument(cairo: sink.bytes).titled(title, description: description)
            return PlotImage(format: .svg, bytes: Array(document.text.utf8))
        }
    }

    private func check(_ status: cairo_status_t) throws(PlottingError) {
        guard status != CAIRO_STATUS_SUCCESS else { return }
        throw .cairo(String(cString: cairo_status_to_string(status)))
    }

    /// Without hinting, text has the same widths at every scale and in both formats, so that one layout fits all.
    private func useResolutionFreeText() {
        let options = cairo_font_options_create()
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE)
        cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
        cairo_set_font_options(context, options)
        cairo_font_options_destroy(options)
    }
}

/// Collects the bytes that Cairo writes to a stream.
private final class ByteSink {
    private(set) var bytes: [UInt8] = []

    /// Unretained: the canvas retains the sink while Cairo may write.
    var reference: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    static let write: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, UInt32) -> cairo_status_t = {
        sink, bytes, count in
        guard let sink else { return CAIRO_STATUS_WRITE_ERROR }
        let target = Unmanaged<ByteSink>.fromOpaque(sink).takeUnretainedValue()
        target.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes, count: Int(count)))
        return CAIRO_STATUS_SUCCESS
    }
}
