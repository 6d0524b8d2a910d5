/// A client of a language model's API.
package protocol ModelClient: Sendable {}
