import Modules

extension JobContext {
    /// Runs `body` for each element. One that fails is logged and left for the next run of the job: it stops no other
    /// one.
    /// - Parameter name: of an element, for the log.
    /// - Throws: ``JobCancelled``.
    func each<Element>(
        _ elements: [Element], name: (Element) -> String, _ body: (Element) async throws -> Void
    ) async throws {
        for element in elements {
            try checkCancellation()
            do { try await body(element) } catch {
                try checkCancellation()
                logger.error(
                    "a part of a job failed; the next run tries it again",
                    metadata: ["element": "\(name(element))", "cause": "\(error)"])
            }
        }
    }
}
