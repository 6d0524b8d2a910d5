import CCairo

/// A white sheet to draw on that becomes one picture. It belongs to the call that made it, so nothing needs a lock.
///
/// Positions are points, from the top left. Cairo remembers the first thing that went wrong and ignores what comes after, so
/// drawing cannot fail; `image` reports it.
package struct Canvas: ~Copyable {
    /// 64 MB of memory at four bytes a pixel.
    package static let pixelsMax = 16_000_000.0
    /// What Cairo's image surfaces can address, with room to spare.
    package static let sideMax = 16_384.0

    package let size: Size
    let context: OpaquePointer?
    private let surface: OpaquePointer?
    private let format: PlotImage.Format
    /// Held here because the SVG surface writes into it until it is finished.
    private let sink = ByteSink()

    /// - Parameter scale: pixels per point of a PNG; two look crisp on today's screens. An SVG has no pixels.
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
    ///   - title: the name of an SVG, for those who cannot see it.
    ///   - description: what the SVG shows, in lines of words; Cairo turns all lettering into outlines, which cannot be read or searched.
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

    /// Without hints, lettering has the same widths at every scale and in both formats, so that one layout serves all.
    private func useResolutionFreeText() {
        let options = cairo_font_options_create()
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE)
        cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
        cairo_set_font_options(context, options)
        cairo_font_options_destroy(options)
    }
}

/// Collects what Cairo writes to a stream.
private final class ByteSink {
    private(set) var bytes: [UInt8] = []

    /// Unretained: the canvas keeps the sink for as long as Cairo may write.
    var reference: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    static let write: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, UInt32) -> cairo_status_t = {
        sink, bytes, count in
        guard let sink else { return CAIRO_STATUS_WRITE_ERROR }
        let target = Unmanaged<ByteSink>.fromOpaque(sink).takeUnretainedValue()
        target.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes, count: Int(count)))
        return CAIRO_STATUS_SUCCESS
    }
}
