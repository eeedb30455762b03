//! Texts that are longer than a channel takes.

/// So much of the text that it has room with a word that it was cut; `size` measures.
pub(super) fn cut(text: &str, room: usize, size: impl Fn(char) -> usize) -> String {
    const REST: &str = "\n… it was cut here: `keyrota status` shows everything\n";
    if text.chars().map(&size).sum::<usize>() <= room {
        return text.to_owned();
    }
    let mut left = room.saturating_sub(REST.chars().map(&size).sum());
    let fits = |c: &char| {
        let takes = size(*c);
        let fits = takes <= left;
        left = left.saturating_sub(takes);
        fits
    };
    text.chars().take_while(fits).chain(REST.chars()).collect()
}
