//! How a user says who it is: basic (RFC 7617) and bearer (RFC 6750) as header values; digest is [`super::digest`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: Box<str>,
    /// The password.
    pub password: Box<str>,
}

/// Never shows the password.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A login or a token that can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The colon ends the name.
    #[error("the user name of basic authentication can't have a colon")]
    Colon,
    /// A line break would end the header.
    #[error("a user name, password or token can't have control characters")]
    Control,
    /// Nothing to send.
    #[error("the token is empty, or has a blank")]
    Token,
}

impl Login {
    /// The value of `Authorization` that sends it as it is. In UTF-8, as RFC 7617 has it for the future, and browsers.
    pub fn basic(&self) -> Result<String, AuthError> {
        if self.user.contains(':') {
            return Err(AuthError::Colon);
        }
        self.check()?;
        Ok(format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password))))
    }

    /// Whether both can be sent at all.
    pub fn check(&self) -> Result<(), AuthError> {
        let has_control = |text: &str| text.chars().any(char::is_control);
        if has_control(&self.user) || has_control(&self.password) { Err(AuthError::Control) } else { Ok(()) }
    }
}

/// The value of `Authorization` for a token.
pub fn bearer(token: &str) -> Result<String, AuthError> {
    if token.chars().any(char::is_control) {
        return Err(AuthError::Control);
    }
    if token.is_empty() || token.contains(' ') {
        return Err(AuthError::Token);
    }
    Ok(format!("Bearer {token}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> Result<String, AuthError> {
        Login { user: user.into(), password: password.into() }.basic()
    }

    #[test]
    fn the_examples_of_rfc_7617_and_6750_hold() {
        assert_eq!(basic("Aladdin", "open sesame").unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("test", "123\u{a3}").unwrap(), "Basic dGVzdDoxMjPCow==");
        assert_eq!(basic("", "").unwrap(), "Basic Og==");
        assert_eq!(basic("u", "a:b").unwrap(), "Basic dTphOmI=");
        assert_eq!(bearer("mF_9.B5f-4.1JqM").unwrap(), "Bearer mF_9.B5f-4.1JqM");
    }

    #[test]
    fn what_would_break_the_header_is_refused() {
        assert_eq!(basic("a:b", "c"), Err(AuthError::Colon));
        assert_eq!(basic("a\n", "c"), Err(AuthError::Control));
        assert_eq!(basic("a", "c\0"), Err(AuthError::Control));
        assert_eq!(bearer(""), Err(AuthError::Token));
        assert_eq!(bearer("a b"), Err(AuthError::Token));
        assert_eq!(bearer("a\r\nX: y"), Err(AuthError::Control));
    }

    #[test]
    fn a_login_never_shows_its_password() {
        let login = Login { user: "ada".into(), password: "hidden".into() };
        assert_eq!(format!("{login:?}"), "Login { user: \"ada\", .. }");
    }
}
