#!/bin/sh
# Put the folder build below a prefix, or take it away: install.sh install|uninstall PREFIX [DESTDIR]
#
# The folder lies beside this script, as in the release's tarball, or in the directory that SOURCE
# names, and so does `share`: the manual pages, and what makes shells complete a line. Programs and
# the files of `share` become links below PREFIX. What is there already and is not ours stays as it
# is; directories that had to be made are removed again when they are left empty.
set -eu
umask 022
action=${1:-}
prefix=${2-/usr/local}
root=${3:-}$prefix
source=${SOURCE:-$(dirname -- "$0")}
name=docker-credential-ecrpy
home=$root/lib/$name
programs="docker-credential-ecr-login docker-credential-ecrpy"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Whether a link is one that `link` makes.
is_ours() {
    case $(readlink -- "$1" || true) in
    ../lib/"$name"/* | ../../../lib/"$name"/* | "$home"/*) return 0 ;;
    esac
    return 1
}

# Every link below PREFIX, for a directory that has `share`. None of them has a blank.
links_of() {
    for program in $programs; do
        echo "bin/$program"
    done
    (cd -- "$1" && find share -type f)
}

make_directory() {
    [ -d "$1" ] && return
    make_directory "$(dirname -- "$1")"
    mkdir -- "$1"
    made="$1
$made"
}

# Link FILE of the folder as LINK: relative, or absolute where LINK's directory is a link itself.
link() {
    ln -sf -- "$2lib/$name/$1" "$3"
    if [ -z "$destination" ] && [ ! -e "$3" ]; then
        ln -sf -- "$home/$1" "$3"
    fi
}

# Take back what an install began that did not end.
undo() {
    rm -rf -- "$home.new"
    remove_directories "$made"
}

remove_directories() {
    printf '%s\n' "$1" | while IFS= read -r directory; do
        [ -z "$directory" ] || rmdir -- "$directory" 2>/dev/null || true # others use it by now
    done
}

install() {
    if [ ! -x "$source/$name/docker-credential-ecr-login" ] || [ ! -d "$source/share" ]; then
        fail "$source/$name or $source/share is not there, or not whole"
    fi
    links=$(links_of "$source")
    if { [ -e "$home" ] || [ -L "$home" ]; } && [ ! -f "$home/.made" ]; then
        fail "$home is there already and was not put there by this script: remove it first"
    fi
    for link in $links; do
        path=$root/$link
        if { [ -e "$path" ] || [ -L "$path" ]; } && ! is_ours "$path"; then
            fail "$path is there already and belongs to something else: remove it, or choose another PREFIX"
        fi
    done
    made=
    trap undo EXIT
    trap 'exit 130' INT TERM
    make_directory "$root/lib"
    for link in $links; do
        make_directory "$(dirname -- "$root/$link")"
    done
    # Beside the old folder, then in its place: an error on the way leaves the old one.
    rm -rf -- "$home.new"
    cp -R -- "$source/$name" "$home.new"
    cp -R -- "$source/share" "$home.new/share"
    chmod -R u=rwX,go=rX "$home.new"
    {
        # A packager's DESTDIR is not where it will be removed from.
        [ -n "$destination" ] || printf '%s\n' "$made"
        [ ! -f "$home/.made" ] || cat -- "$home/.made" # by an earlier install
    } >"$home.new/.made"
    rm -rf -- "$home"
    mv -- "$home.new" "$home"
    trap - EXIT
    for link in $links; do
        case $link in
        bin/*) link "${link#bin/}" ../ "$root/$link" ;;
        *) link "$link" ../../../ "$root/$link" ;; # all are as deep as share/man/man1/a
        esac
    done
    say "installed $root/bin/docker-credential-ecr-login and $root/bin/docker-credential-ecrpy"
}

uninstall() {
    [ -f "$home/.made" ] || fail "$home was not put there by this script: nothing to uninstall"
    made=$(cat "$home/.made")
    for link in $(links_of "$home"); do
        if is_ours "$root/$link"; then
            rm -- "$root/$link"
        fi
    done
    rm -rf -- "$home"
    remove_directories "$made"
    say "removed what was installed below $root"
}

destination=${3:-}
case $prefix in /*) ;; *) fail "PREFIX has to be an absolute path, and is $prefix" ;; esac
case $action in
install | uninstall) "$action" ;;
*) fail "usage: install.sh install|uninstall PREFIX [DESTDIR]" ;;
esac
