import Foundation
import Modules

/// Builds the services that authenticate people.
final class SignInServices: Sendable {
    let loginThrottle: LoginThrottle
    let knownDevices: KnownDeviceService
    let confirmation: Confirmation
    let signIns: SignInService
    let secondFactor: SecondFactorService

    init(_ dependencies: IdentityDependencies, _ sessions: SessionServices) {
        let (database, sealer, audit) = (dependencies.database, dependencies.sealer, dependencies.audit)
        let (settings, hasher, runtime) = (dependencies.settings, dependencies.hasher, dependencies.runtime)
        loginThrottle = LoginThrottle(lockout: settings.lockout, sealer: sealer)
        knownDevices = KnownDeviceService(database: database, runtime: runtime)
        let secondFactors = SecondFactorVerifier(
            sealer: sealer, window: Int64(settings.authenticatorWindow), audit: audit, mailer: dependencies.mailer,
            runtime: runtime)
        confirmation = Confirmation(
            database: database, hasher: hasher, loginThrottle: loginThrottle, secondFactors: secondFactors,
            audit: audit)
        signIns = SignInService(
            database: database, hasher: hasher, loginThrottle: loginThrottle, secondFactors: secondFactors,
            knownDevices: knownDevices, sessions: sessions.sessions, audit: audit, settings: settings)
        secondFactor = SecondFactorService(
            database: database,
            confirmation: confirmation,
            verifier: secondFactors,
            loginThrottle: loginThrottle,
            sessions: sessions.sessions,
            audit: audit,
            issuer: URL(string: settings.issuer)?.host() ?? "Gatehouse",
            runtime: runtime
        )
    }
}
